//! Opens a library and finds the two symbols of a plugin.

use std::error::Error;
use std::path::Path;

use firebrick_sdk::door::{DESCRIPTOR_SYMBOL, Door, Layout, ROOT_SYMBOL};
use firebrick_sdk::{Descriptor, DescriptorError, INTERFACE, Interface};

use crate::refusal::Refusal;

/// A plugin whose door is open.
pub(crate) struct Opened {
    pub(crate) descriptor: Descriptor,
    pub(crate) door: Door,
}

/// Opens a library that passed the preflight, for ever; `path` is what users call it.
///
/// # Errors
/// Why it is no plugin for this program.
pub(crate) fn open(path: &Path, real: &Path) -> Result<Opened, Refusal> {
    let library = open_library(real).map_err(|error| {
        // libloading's own message is "dlopen failed"; the system's is its source.
        let text = error
            .source()
            .map_or(error.to_string(), <dyn Error>::to_string);
        let found = format!("it can't be opened ({text})");
        let hint = "build the plugin on this machine, with the libraries that it needs";
        Refusal::new(path, found, "a library that finds all it needs", hint)
    })?;
    let descriptor = symbol(&library, DESCRIPTOR_SYMBOL);
    let root = symbol(&library, ROOT_SYMBOL);
    // Never unloaded: items, threads and thread-locals of the plugin live as long as the program.
    std::mem::forget(library);

    let (Some(descriptor), Some(root)) = (descriptor, root) else {
        let found = "a shared library, but not a Firebrick plugin";
        let hint = "is `export_plugin!();` missing in its source?";
        let expected = "what `export_plugin!()` makes";
        return Err(Refusal::new(path, found, expected, hint));
    };
    let descriptor = read_descriptor(path, descriptor)?;
    let layout = layout(path, &descriptor)?;
    let door = open_door(path, root, &descriptor, layout)?;
    Ok(Opened { descriptor, door })
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "opening a library runs its constructors")]
fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    // Everything is bound now, so that a missing symbol is an error here and not an abort later.
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: the constructors of a library can do anything; that is what loading a plugin means,
    // and the preflight has made sure that it is the user's or root's choice.
    unsafe { Library::open(Some(path), flags) }.map(Into::into)
}

#[cfg(not(unix))]
#[expect(unsafe_code, reason = "opening a library runs its constructors")]
fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: the constructors of a library can do anything; that is what loading a plugin means.
    unsafe { libloading::Library::new(path) }
}

/// Returns the address of a symbol, if the library has it.
#[expect(
    unsafe_code,
    reason = "the type of a symbol is not known to the system"
)]
fn symbol(library: &libloading::Library, name: &str) -> Option<*const u8> {
    // SAFETY: an address may be asked for as one whatever the symbol is; it is not read here.
    let symbol = unsafe { library.get::<*const u8>(name) };
    symbol
        .ok()
        .map(|symbol| *symbol)
        .filter(|address| !address.is_null())
}

#[expect(unsafe_code, reason = "the symbol is a raw address")]
fn read_descriptor(path: &Path, address: *const u8) -> Result<Descriptor, Refusal> {
    // SAFETY: the library is never unloaded; and a symbol of this name is ours, so that what
    // says that it is a descriptor is one. Ours has more than 20 bytes.
    unsafe { Descriptor::read(address) }.map_err(|error| {
        let found = match error {
            DescriptorError::Magic => "its descriptor is not Firebrick's".to_owned(),
            DescriptorError::Size(size) => format!("its descriptor has only {size} bytes"),
        };
        let hint = "build it again, with `firebrick-sdk` and `export_plugin!();`";
        Refusal::new(path, found, "a Firebrick plugin", hint)
    })
}

/// Decides how a plugin of an interface version can be loaded.
fn layout(path: &Path, descriptor: &Descriptor) -> Result<Layout, Refusal> {
    let theirs = descriptor.interface();
    if theirs.major != INTERFACE.major {
        let expected = format!("interface {}.x", INTERFACE.major);
        let hint = rebuild(theirs);
        return Err(Refusal::new(path, who(descriptor), expected, hint));
    }
    if !descriptor.unwinds() {
        let found = format!("{} was built with `panic = \"abort\"`", who(descriptor));
        let expected = "a plugin whose panics can be caught";
        let hint = "remove `panic = \"abort\"` from its build profile and build it again";
        return Err(Refusal::new(path, found, expected, hint));
    }
    Ok(match theirs < INTERFACE {
        true => Layout::OlderMinor,
        false => Layout::Checked,
    })
}

fn rebuild(theirs: Interface) -> String {
    let major = INTERFACE.major;
    match theirs.major > major {
        true => format!("update the program, or build the plugin with `firebrick-sdk` {major}"),
        false => format!("build the plugin again, with `firebrick-sdk` {major}"),
    }
}

#[expect(unsafe_code, reason = "the symbol is a raw address")]
fn open_door(
    path: &Path,
    root: *const u8,
    descriptor: &Descriptor,
    layout: Layout,
) -> Result<Door, Refusal> {
    // SAFETY: a library with our descriptor exports a root module under this symbol, by the same
    // macro, and is never unloaded; `layout` decided by the interface version of the descriptor.
    unsafe { Door::open(root, layout) }.map_err(|error| {
        let found = format!("{}: {error}", who(descriptor));
        let expected = format!("interface {INTERFACE}");
        let hint = "build it again with the `firebrick-sdk` of this program";
        Refusal::new(path, found, expected, hint)
    })
}

/// Returns the plugin with its versions, as messages name it.
fn who(descriptor: &Descriptor) -> String {
    format!(
        "plugin `{}` {} (interface {}, {})",
        descriptor.name(),
        descriptor.version(),
        descriptor.interface(),
        descriptor.rustc()
    )
}
