//! The program's side of the door: a loaded plugin, called with and answering in types of std.
//!
//! This is what the host uses; how a call crosses is known to this crate alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::library::{AbiHeaderRef, LibraryError};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec};
use firebrick_core::registry::Kind;
use thiserror::Error;

use crate::abi::{AbiFault, Array, Call, Host, Listener, Object, RootRef};
pub use crate::descriptor::SYMBOL as DESCRIPTOR_SYMBOL;
use crate::fault::Fault;
use crate::{logs, wire};

/// The symbol under which a plugin's root module is found.
pub const ROOT_SYMBOL: &str = crate::export::SYMBOL;

/// The kind of an array of `f32`.
pub(crate) const FLOATS: u32 = 1;
/// The kind of an array of `u32`.
pub(crate) const INDICES: u32 = 2;
/// The kind of an array of `u8`.
pub(crate) const BYTES: u32 = 3;

/// What a listener returns to let a candidate go on.
pub const GO_ON: u32 = 0;
/// What a listener returns to stop a candidate.
pub const STOP: u32 = 1;

/// Borrowed numbers that cross beside the bytes of a call.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// Features, weights.
    Floats(&'a [f32]),
    /// Labels.
    Indices(&'a [u32]),
    /// Pictures.
    Bytes(&'a [u8]),
}

/// What hears of progress: it gets the bytes of a message and returns [`GO_ON`] or [`STOP`].
pub type Hear<'a> = dyn Fn(&[u8]) -> u32 + Sync + 'a;

/// What a method answers.
#[derive(Debug)]
pub struct Answer {
    /// The answer, to be read by [`crate::wire::decode`].
    pub payload: Vec<u8>,
    /// The arrays beside it.
    pub floats: Vec<Vec<f32>>,
}

/// Whether the layout of a plugin's root module is compared with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// It must be ours, or ours with more at the end.
    Checked,
    /// It is an older one, known to be a prefix of ours by its interface version. abi_stable's
    /// check takes newer plugins only.
    OlderMinor,
}

/// Why a library with a descriptor is no plugin for this program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DoorError {
    /// Its types are laid out in another way.
    #[error("its interface has another layout: {0}")]
    Layout(String),
    /// It can't be talked to at all.
    #[error("{0}")]
    Header(String),
}

/// The root module of a loaded plugin.
#[derive(Clone, Copy)]
pub struct Door(RootRef);

impl Door {
    /// Opens the door of a loaded library: compares layouts and calls its constructor.
    ///
    /// # Errors
    /// [`DoorError`] if the library speaks another language.
    ///
    /// # Safety
    /// `root` is the address of the symbol [`ROOT_SYMBOL`] of a library that is never unloaded, as
    /// `export_plugin!()` makes it for the interface that the library's descriptor tells. With
    /// [`Layout::OlderMinor`], that interface has our major version and an earlier minor one.
    #[expect(unsafe_code, reason = "the symbol of a library is a raw address")]
    pub unsafe fn open(root: *const u8, layout: Layout) -> Result<Self, DoorError> {
        // SAFETY: `AbiHeaderRef` is a transparent reference to the header that abi_stable puts
        // first, and the caller promises that one is there for ever.
        let header: AbiHeaderRef = unsafe { std::mem::transmute(root) };
        let header = header.upgrade().map_err(|error| refuse(&error))?;
        let module = match layout {
            Layout::Checked => header.init_root_module::<RootRef>(),
            // SAFETY: the caller promises an earlier minor version, and minor versions only add
            // fields at the end, of which abi_stable knows how many there are.
            Layout::OlderMinor => unsafe {
                header.init_root_module_with_unchecked_layout::<RootRef>()
            },
        };
        module.map(Self).map_err(|error| refuse(&error))
    }

    /// Has the plugin send its log to `tracing` of this program, and catch its panics.
    ///
    /// # Errors
    /// [`Fault`] if the plugin can't be used.
    pub fn init(&self) -> Result<(), Fault> {
        let host = Host {
            log,
            max_level: logs::filter_number(tracing::level_filters::LevelFilter::current()),
        };
        // Leaked once a plugin, which keeps it for ever.
        accept((self.0.init())(host.leak_into_prefix()))
    }

    /// Returns the plugin's items: JSON, a list of [`firebrick_core::registry::Manifest`].
    ///
    /// # Errors
    /// [`Fault`] if the plugin panics.
    pub fn manifest(&self) -> Result<Vec<u8>, Fault> {
        accept((self.0.manifest())()).map(RVec::into_vec)
    }

    /// Makes an item; `args` are those of a strategy ([`crate::wire::MakeStrategy`]), else empty.
    ///
    /// # Errors
    /// [`Fault`] if there is no such item or it can't be made.
    pub fn create(&self, kind: Kind, name: &str, args: &[u8]) -> Result<Remote, Fault> {
        let created = (self.0.create())(
            wire::kind_code(kind),
            RStr::from_str(name),
            RSlice::from_slice(args),
        );
        accept(created).map(Remote)
    }
}

/// An item of a plugin.
pub struct Remote(Object);

impl Remote {
    /// Calls a method of [`crate::wire`].
    ///
    /// The listener, if any, may be called from several threads at a time, until the method
    /// returns; it must not panic.
    ///
    /// # Errors
    /// [`Fault`] if the item answers with an error or panics.
    pub fn invoke(
        &self,
        method: &str,
        payload: &[u8],
        arrays: &[Numbers<'_>],
        listener: Option<&Hear<'_>>,
    ) -> Result<Answer, Fault> {
        let arrays: Vec<Array<'_>> = arrays.iter().map(borrow).collect();
        let call = Call {
            payload: RSlice::from_slice(payload),
            arrays: RSlice::from_slice(&arrays),
            listener: match &listener {
                Some(function) => ROption::RSome(Listener::new(function)),
                None => ROption::RNone,
            },
        };
        let reply = accept(self.0.invoke(RStr::from_str(method), call))?;
        Ok(Answer {
            payload: reply.payload.into_vec(),
            floats: reply.floats.into_iter().map(RVec::into_vec).collect(),
        })
    }
}

fn borrow<'a>(numbers: &Numbers<'a>) -> Array<'a> {
    let (kind, bytes) = match numbers {
        Numbers::Floats(floats) => (FLOATS, bytemuck::cast_slice(floats)),
        Numbers::Indices(indices) => (INDICES, bytemuck::cast_slice(indices)),
        Numbers::Bytes(bytes) => (BYTES, *bytes),
    };
    Array {
        kind,
        bytes: RSlice::from_slice(bytes),
    }
}

fn accept<T>(result: RResult<T, AbiFault>) -> Result<T, Fault> {
    let fault = match result {
        RResult::ROk(value) => return Ok(value),
        RResult::RErr(fault) => fault,
    };
    let message = fault.message.into_string();
    Err(match fault.code {
        1 => Fault::Item {
            message,
            data: fault.data.into_vec(),
        },
        2 => Fault::Panic {
            message,
            location: fault.location.into_string(),
        },
        _ => Fault::Protocol(message),
    })
}

extern "C" fn log(level: u32, plugin: RStr<'_>, module: RStr<'_>, message: RStr<'_>) {
    // A subscriber that panics must not unwind into the plugin; its hook has told of it.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        logs::log(level, plugin.as_str(), module.as_str(), message.as_str());
    }));
}

fn refuse(error: &LibraryError) -> DoorError {
    match error {
        LibraryError::AbiInstability(dump) => DoorError::Layout(tail(&dump.to_string())),
        LibraryError::InvalidAbiHeader(_) => {
            DoorError::Header("it was built with another version of abi_stable".to_owned())
        }
        LibraryError::RootModule { .. } => {
            DoorError::Header("its root module could not be made".to_owned())
        }
        other => DoorError::Header(one_line(&other.to_string())),
    }
}

/// Returns the end of abi_stable's dump, which is hundreds of lines long and tells what differs
/// last.
fn tail(dump: &str) -> String {
    let end = dump.rsplit("Error:").next().unwrap_or(dump);
    one_line(end)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_dump_says_what_differs() {
        let dump = "\nCompared <this>:\n ...\nError:too many\n\nLayout of ...\n\nError:mismatched \
                    type\nExpected:\n    f64\nFound:\n    f32\n";
        assert_eq!(tail(dump), "mismatched type Expected: f64 Found: f32");
    }
}
