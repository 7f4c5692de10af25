//! The types at the boundary, all of abi_stable that there is.
//!
//! What holds for ever within one major version of the interface: structs passed by value
//! ([`Call`], [`Reply`], [`AbiFault`], [`Array`]) never change; [`Root`], [`Host`] and [`Item`]
//! grow only after their `last_prefix_field`; there are no enums with payload of our own; and
//! a number's meaning (kinds, codes, verdicts) is only ever added to.
#![allow(
    non_local_definitions,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    elided_lifetimes_in_paths,
    clippy::use_self,
    reason = "abi_stable's derives make such code"
)]

use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_trait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, ROption, RResult, RSlice, RStr, RString, RVec};

/// What a plugin exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef, prefix_fields = RootFields)))]
#[sabi(missing_field(panic))]
pub struct Root {
    /// Called once before anything else.
    pub init: extern "C" fn(host: HostRef) -> RResult<(), AbiFault>,
    /// Returns the items as JSON: a list of `core::registry::Manifest`.
    pub manifest: extern "C" fn() -> RResult<RVec<u8>, AbiFault>,
    /// Makes an item by kind and name.
    #[sabi(last_prefix_field)]
    pub create:
        extern "C" fn(kind: u32, name: RStr<'_>, args: RSlice<'_, u8>) -> RResult<Object, AbiFault>,
}

impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "firebrick_plugin";
    const NAME: &'static str = "firebrick_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// What the program offers a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostRef, prefix_fields = HostFields)))]
#[sabi(missing_field(panic))]
pub struct Host {
    /// Takes a line of the plugin's log: level (1 error to 5 trace), plugin, module, message.
    pub log: extern "C" fn(level: u32, plugin: RStr<'_>, module: RStr<'_>, message: RStr<'_>),
    /// The most detailed level that the program wants, 0 for none.
    #[sabi(last_prefix_field)]
    pub max_level: u32,
}

/// A model, pass, strategy or engine on the other side.
#[sabi_trait]
pub trait Item: Send + Sync {
    /// Calls a method of [`crate::wire`].
    #[sabi(last_prefix_field)]
    fn invoke(&self, method: RStr<'_>, call: Call<'_>) -> RResult<Reply, AbiFault>;
}

/// An item that its holder drops.
pub type Object = Item_TO<'static, RBox<()>>;

/// What a method is called with.
#[repr(C)]
#[derive(StableAbi)]
pub struct Call<'a> {
    /// The arguments, as `crate::wire` has them.
    pub payload: RSlice<'a, u8>,
    /// The numbers that are too many for the payload.
    pub arrays: RSlice<'a, Array<'a>>,
    /// Whom to tell of progress.
    pub listener: ROption<Listener<'a>>,
}

/// Borrowed numbers.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Array<'a> {
    /// What the bytes are: see [`crate::door::Numbers`].
    pub kind: u32,
    /// The numbers in the order and width of this machine.
    pub bytes: RSlice<'a, u8>,
}

/// What a method returns.
#[repr(C)]
#[derive(StableAbi)]
pub struct Reply {
    /// The answer, as `crate::wire` has it.
    pub payload: RVec<u8>,
    /// The numbers that are too many for the payload.
    pub floats: RVec<RVec<f32>>,
}

/// Why a call failed.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiFault {
    /// 1: the item's own error, as `data`. 2: a panic at `location`. Others: a misunderstanding.
    pub code: u32,
    /// What went wrong, for people.
    pub message: RString,
    /// Where a panic happened.
    pub location: RString,
    /// The item's own error, encoded.
    pub data: RVec<u8>,
}

/// A borrowed function of the program that hears of progress, from several threads at a time.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Listener<'a> {
    context: *const u8,
    function: extern "C" fn(context: *const u8, message: RSlice<'_, u8>) -> u32,
    borrow: PhantomData<&'a ()>,
}

#[expect(
    unsafe_code,
    reason = "a closure crosses as a raw pointer and its function"
)]
impl<'a> Listener<'a> {
    /// Borrows a function, which must not panic.
    pub fn new<F: Fn(&[u8]) -> u32 + Sync>(function: &'a F) -> Self {
        extern "C" fn call<F: Fn(&[u8]) -> u32>(
            context: *const u8,
            message: RSlice<'_, u8>,
        ) -> u32 {
            // SAFETY: `context` is the `&F` that `new` made this listener of, alive for `'a`.
            let function = unsafe { &*context.cast::<F>() };
            function(message.as_slice())
        }
        Self {
            context: (&raw const *function).cast(),
            function: call::<F>,
            borrow: PhantomData,
        }
    }

    /// Tells the function.
    pub fn tell(&self, message: &[u8]) -> u32 {
        (self.function)(self.context, RSlice::from_slice(message))
    }
}

#[expect(unsafe_code, reason = "a raw pointer stands for a shared borrow")]
// SAFETY: a listener is a shared borrow of a function that `new` requires to be `Sync`.
unsafe impl Sync for Listener<'_> {}

#[expect(unsafe_code, reason = "a raw pointer stands for a shared borrow")]
// SAFETY: as above: `&F` is `Send` where `F` is `Sync`.
unsafe impl Send for Listener<'_> {}
