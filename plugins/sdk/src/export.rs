//! The plugin's side of the door: what `export_plugin!()` expands to.

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{RResult, RSlice, RStr, RVec};
use firebrick_core::registry::{Manifest, Registration};

use crate::abi::{AbiFault, HostRef, Item_TO, Object, Root, RootRef};
pub use crate::descriptor::Descriptor;
use crate::fault::Fault;
use crate::guard::{guard, install_hook};
use crate::logs;
use crate::serve::{Guarded, make};
use crate::wire;

/// The symbol under which a plugin's root module is found.
pub(crate) const SYMBOL: &str = "FIREBRICK_PLUGIN_ROOT";

/// Exports the items that this crate registers as a plugin, under the crate's name and version.
///
/// Write it once, in the `cdylib` crate. A plugin that wraps other crates names these, so that
/// their items are exported rather than its own (`use firebrick_passes as _;` links them):
/// `export_plugin!(packages = ["firebrick-passes"])`. `name = "..."` before that gives the
/// plugin another name than the crate's.
#[macro_export]
macro_rules! export_plugin {
    () => {
        $crate::export_plugin!(packages = [env!("CARGO_PKG_NAME")]);
    };
    (packages = [$($package:expr),+ $(,)?]) => {
        $crate::export_plugin!(name = env!("CARGO_PKG_NAME"), packages = [$($package),+]);
    };
    (name = $name:expr, packages = [$($package:expr),+ $(,)?]) => {
        const _: () = {
            struct Exported;

            impl $crate::export::Export for Exported {
                const NAME: &'static str = $name;
                const PACKAGES: &'static [&'static str] = &[$($package),+];
            }

            #[unsafe(no_mangle)]
            static FIREBRICK_PLUGIN_DESCRIPTOR: $crate::export::Descriptor =
                $crate::export::Descriptor::new(
                    $name,
                    env!("CARGO_PKG_VERSION"),
                    cfg!(panic = "unwind"),
                );

            #[unsafe(no_mangle)]
            static FIREBRICK_PLUGIN_ROOT: $crate::export::RootHeader =
                $crate::export::RootHeader::new::<Exported>();
        };
    };
}

/// What a plugin exports; implemented by `export_plugin!()`.
pub trait Export: 'static {
    /// The name of the plugin.
    const NAME: &'static str;
    /// The packages whose items it exports.
    const PACKAGES: &'static [&'static str];
}

/// Where a loader finds the root module.
#[repr(transparent)]
pub struct RootHeader(LibHeader);

impl RootHeader {
    /// Returns the header of a plugin.
    #[expect(unsafe_code, reason = "abi_stable's constructor is unsafe")]
    pub const fn new<E: Export>() -> Self {
        // SAFETY: `root::<E>` returns a `PrefixRef` that was made of a `RootRef`.
        Self(unsafe { LibHeader::from_constructor::<RootRef>(root::<E>, CheckTypeLayout::Yes) })
    }
}

extern "C" fn root<E: Export>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(module::<E>)
}

fn module<E: Export>() -> RootRef {
    // Leaked once a plugin: the root module lives as long as the library, which is for ever.
    Root {
        init: init::<E>,
        manifest: manifest::<E>,
        create: create::<E>,
    }
    .leak_into_prefix()
}

extern "C" fn init<E: Export>(host: HostRef) -> RResult<(), AbiFault> {
    answer(guard(|| {
        install_hook();
        logs::forward(E::NAME, host);
        Ok(())
    }))
}

extern "C" fn manifest<E: Export>() -> RResult<RVec<u8>, AbiFault> {
    answer(guard(|| {
        let manifests: Vec<Manifest> = items::<E>().map(Registration::manifest).collect();
        let json = serde_json::to_vec(&manifests)
            .map_err(|error| Fault::Protocol(format!("the manifest can't be written: {error}")))?;
        Ok(json.into())
    }))
}

extern "C" fn create<E: Export>(
    kind: u32,
    name: RStr<'_>,
    args: RSlice<'_, u8>,
) -> RResult<Object, AbiFault> {
    answer(guard(|| {
        let name = name.as_str();
        let item = items::<E>()
            .find(|item| wire::kind_code(item.kind()) == kind && item.names[0] == name)
            .ok_or_else(|| Fault::Protocol(format!("there is no `{name}` of kind {kind}")))?;
        let object = Guarded::new(make(item, args.as_slice())?);
        Ok(Item_TO::from_value(
            object,
            abi_stable::sabi_trait::TD_Opaque,
        ))
    }))
}

fn items<E: Export>() -> impl Iterator<Item = &'static Registration> {
    E::PACKAGES
        .iter()
        .flat_map(|package| Registration::of_package(package))
}

/// Turns an answer into what crosses.
pub(crate) fn answer<T>(result: Result<T, Fault>) -> RResult<T, AbiFault> {
    let fault = match result {
        Ok(value) => return RResult::ROk(value),
        Err(fault) => fault,
    };
    RResult::RErr(match fault {
        Fault::Item { message, data } => AbiFault {
            code: 1,
            message: message.into(),
            location: "".into(),
            data: data.into(),
        },
        Fault::Panic { message, location } => AbiFault {
            code: 2,
            message: message.into(),
            location: location.into(),
            data: RVec::new(),
        },
        Fault::Protocol(message) => AbiFault {
            code: 3,
            message: message.into(),
            location: "".into(),
            data: RVec::new(),
        },
    })
}
