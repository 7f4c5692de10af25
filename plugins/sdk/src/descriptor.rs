//! What is read of a plugin first: plain numbers and text at a known symbol.

use std::fmt;

/// The symbol under which a plugin's [`Descriptor`] is found.
pub const SYMBOL: &str = "FIREBRICK_PLUGIN_DESCRIPTOR";

/// The first bytes of every descriptor.
const MAGIC: [u8; 16] = *b"firebrick plugin";

/// The interface that this crate speaks: its own version.
pub const INTERFACE: Interface = Interface {
    major: number(env!("CARGO_PKG_VERSION_MAJOR")),
    minor: number(env!("CARGO_PKG_VERSION_MINOR")),
};

/// A version of the interface between plugins and the program.
///
/// Plugins and programs of one major version understand each other; a minor version only adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct Interface {
    /// What plugin and program must agree on.
    pub major: u32,
    /// How much has been added since.
    pub minor: u32,
}

impl fmt::Display for Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Who a plugin is and what it was built with.
///
/// The layout is C's and never changes but by fields at the end, which `size` tells; so it can be
/// read whatever the versions of plugin and program. Text is UTF-8, padded with zeros.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Descriptor {
    magic: [u8; 16],
    size: u32,
    unwind: u32,
    interface: Interface,
    name: [u8; 64],
    version: [u8; 64],
    rustc: [u8; 96],
}

/// Why the bytes at the symbol are no descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorError {
    /// The first bytes are others.
    Magic,
    /// It says that it is smaller than the smallest one ever.
    Size(u32),
}

impl Descriptor {
    /// Describes the plugin that is being compiled.
    ///
    /// # Panics
    /// While compiling, if the name or the version is longer than 63 bytes.
    #[doc(hidden)]
    pub const fn new(name: &str, version: &str, unwind: bool) -> Self {
        assert!(name.len() < 64, "the name of a plugin has at most 63 bytes");
        assert!(version.len() < 64, "the version has at most 63 bytes");
        Self {
            magic: MAGIC,
            size: size_of::<Self>() as u32,
            unwind: unwind as u32,
            interface: INTERFACE,
            name: padded(name),
            version: padded(version),
            rustc: padded(env!("FIREBRICK_RUSTC")),
        }
    }

    /// Reads the descriptor of a loaded library.
    ///
    /// # Errors
    /// [`DescriptorError`] if there is something else.
    ///
    /// # Safety
    /// `address` points to at least 20 readable bytes; and, if these are the magic and the size of
    /// a descriptor, to a descriptor.
    #[expect(unsafe_code, reason = "the symbol of a library is a raw address")]
    pub unsafe fn read(address: *const u8) -> Result<Self, DescriptorError> {
        // SAFETY: the caller promises 20 readable bytes; they need not be aligned.
        let (magic, size) = unsafe {
            (
                address.cast::<[u8; 16]>().read_unaligned(),
                address.add(16).cast::<u32>().read_unaligned(),
            )
        };
        if magic != MAGIC {
            return Err(DescriptorError::Magic);
        }
        if (size as usize) < size_of::<Self>() {
            return Err(DescriptorError::Size(size));
        }
        // SAFETY: magic and size are a descriptor's, so the caller promises that one is there; any
        // bytes are valid for its fields.
        Ok(unsafe { address.cast::<Self>().read_unaligned() })
    }

    /// Returns the name of the plugin.
    pub fn name(&self) -> String {
        text(&self.name)
    }

    /// Returns the version of the plugin.
    pub fn version(&self) -> String {
        text(&self.version)
    }

    /// Returns what the compiler calls itself.
    pub fn rustc(&self) -> String {
        text(&self.rustc)
    }

    /// Returns the interface that the plugin speaks.
    pub fn interface(&self) -> Interface {
        self.interface
    }

    /// Returns whether a panic in the plugin can be caught.
    pub fn unwinds(&self) -> bool {
        self.unwind != 0
    }
}

/// Reads a decimal number while compiling; cargo writes nothing else into these variables.
const fn number(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut value = 0;
    let mut idx = 0;
    while idx < bytes.len() {
        value = value * 10 + (bytes[idx] - b'0') as u32;
        idx += 1;
    }
    value
}

const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut padded = [0; N];
    let mut idx = 0;
    // The last byte stays zero, for readers in C.
    while idx < bytes.len() && idx + 1 < N {
        padded[idx] = bytes[idx];
        idx += 1;
    }
    padded
}

fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
#[expect(unsafe_code, reason = "reading a descriptor is unsafe")]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Descriptor, DescriptorError> {
        // SAFETY: every caller passes the bytes of a whole descriptor.
        unsafe { Descriptor::read(bytes.as_ptr()) }
    }

    fn bytes() -> Vec<u8> {
        let descriptor = Descriptor::new("acme", "0.3.1", true);
        let address = (&raw const descriptor).cast::<u8>();
        // SAFETY: a descriptor has no padding, and it outlives the copy.
        unsafe { std::slice::from_raw_parts(address, size_of::<Descriptor>()) }.to_vec()
    }

    #[test]
    fn is_read_as_it_was_written() {
        let descriptor = read(&bytes()).unwrap_or_else(|_| panic!("it is one"));
        assert_eq!(descriptor.name(), "acme");
        assert_eq!(descriptor.version(), "0.3.1");
        assert!(descriptor.rustc().starts_with("rustc 1."));
        assert_eq!(descriptor.interface(), INTERFACE);
        assert!(descriptor.unwinds());
    }

    #[test]
    fn refuses_other_bytes() {
        let mut other = bytes();
        other[3] = b'!';
        assert_eq!(read(&other).err(), Some(DescriptorError::Magic));
        let mut small = bytes();
        small[16..20].copy_from_slice(&24_u32.to_ne_bytes());
        assert_eq!(read(&small).err(), Some(DescriptorError::Size(24)));
    }

    #[test]
    fn the_interface_is_the_version_of_this_crate() {
        let version = env!("CARGO_PKG_VERSION");
        assert!(version.starts_with(&format!("{INTERFACE}.")), "{version}");
    }
}
