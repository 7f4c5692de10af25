//! The NPY format: a header that tells the type and shape, then the elements.
//!
//! # Source
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::str::Chars;

use thiserror::Error;

/// Why a header can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum HeaderError {
    /// The file ends within it.
    #[error("its header is not complete")]
    CutOff,
    /// It is none.
    #[error("{0}")]
    Wrong(&'static str),
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A float.
    Float,
    /// An integer with a sign.
    Int,
    /// An integer without a sign.
    Uint,
    /// A byte that is 0 for false.
    Bool,
    /// Code points of 32 bits.
    Text,
    /// Bytes of a text.
    Bytes,
    /// A pickled object of Python.
    Object,
    /// What is not read here: complex numbers, times, records.
    Other,
}

/// What an array is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The type in NumPy's words: `<f4`.
    pub(super) descr: String,
    /// What an element is.
    pub(super) kind: Kind,
    /// The bytes of an element, or none if what it is is not known.
    pub(super) n_bytes: Option<usize>,
    /// Whether the highest byte of a number comes first.
    pub(super) is_big_endian: bool,
    /// Whether the first axis runs fastest, not the last.
    pub(super) is_fortran: bool,
    /// The length of each axis.
    pub(super) shape: Vec<u64>,
}

impl Header {
    /// Reads the header at the start of a file; returns it with the bytes after it.
    ///
    /// # Errors
    /// [`HeaderError`] if the file ends too early or has no such header.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        const MAGIC: &[u8] = b"\x93NUMPY";
        if !bytes.starts_with(&MAGIC[..MAGIC.len().min(bytes.len())]) {
            return Err(HeaderError::Wrong("it does not begin as an NPY file"));
        }
        let rest = bytes.get(MAGIC.len()..).ok_or(HeaderError::CutOff)?;
        let ([major, _], rest) = rest.split_first_chunk().ok_or(HeaderError::CutOff)?;
        let (length, rest) = match major {
            1 => {
                let (length, rest) = rest.split_first_chunk().ok_or(HeaderError::CutOff)?;
                (usize::from(u16::from_le_bytes(*length)), rest)
            }
            2 | 3 => {
                let (length, rest) = rest.split_first_chunk().ok_or(HeaderError::CutOff)?;
                (u32::from_le_bytes(*length) as usize, rest)
            }
            _ => return Err(HeaderError::Wrong("its version is none of 1, 2 and 3")),
        };
        let (text, data) = rest.split_at_checked(length).ok_or(HeaderError::CutOff)?;
        let wrong = HeaderError::Wrong("its header can't be read");
        let text = std::str::from_utf8(text).map_err(|_| wrong.clone())?;
        Ok((Self::parse(text).ok_or(wrong)?, data))
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`.
    fn parse(text: &str) -> Option<Self> {
        let mut text = Literal(text.chars());
        let (mut descr, mut is_fortran, mut shape) = (None, None, None);
        text.skip("{")?;
        while text.skip("}").is_none() {
            let key = text.string()?;
            text.skip(":")?;
            match key {
                "descr" => descr = Some(text.descr()?),
                "fortran_order" => is_fortran = Some(text.bool()?),
                "shape" => shape = Some(text.shape()?),
                _ => return None,
            }
            // The last comma may be left out; then the brace has to follow.
            if text.skip(",").is_none() {
                text.skip("}")?;
                break;
            }
        }
        let descr = descr?.to_owned();
        let (kind, n_bytes) = kind(&descr);
        Some(Self {
            is_big_endian: descr.starts_with('>'),
            kind,
            n_bytes,
            descr,
            is_fortran: is_fortran?,
            shape: shape?,
        })
    }
}

/// Returns what `<f4` is, and how many bytes it takes.
fn kind(descr: &str) -> (Kind, Option<usize>) {
    let mut chars = descr.chars();
    let (order, letter) = (chars.next(), chars.next());
    let kind = match (order, letter) {
        (Some('<' | '>' | '|'), Some(letter)) => match letter {
            'f' => Kind::Float,
            'i' => Kind::Int,
            'u' => Kind::Uint,
            'b' => Kind::Bool,
            'U' => Kind::Text,
            'S' | 'a' => Kind::Bytes,
            'O' => return (Kind::Object, None),
            _ => Kind::Other,
        },
        _ => Kind::Other,
    };
    let size: Option<usize> = chars.as_str().parse().ok();
    match (kind, size) {
        (Kind::Other, _) | (_, None) => (Kind::Other, None),
        (Kind::Text, Some(n_chars)) => (kind, n_chars.checked_mul(4)),
        (_, size) => (kind, size),
    }
}

/// What is left of a literal in Python.
struct Literal<'a>(Chars<'a>);

impl<'a> Literal<'a> {
    /// Goes past a word, and white space before it, if it comes next.
    fn skip(&mut self, word: &str) -> Option<()> {
        let rest = self.0.as_str().trim_start().strip_prefix(word)?;
        self.0 = rest.chars();
        Some(())
    }

    /// Reads a string; types and keys have no quotes or backslashes in them.
    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.skip("'").is_some() {
            '\''
        } else {
            self.skip("\"").map(|()| '"')?
        };
        let (string, rest) = self.0.as_str().split_once(quote)?;
        self.0 = rest.chars();
        Some(string)
    }

    /// Reads the name of a type, or the text of a list of fields.
    fn descr(&mut self) -> Option<&'a str> {
        let text = self.0.as_str().trim_start();
        if !text.starts_with(['[', '(']) {
            return self.string();
        }
        let (mut depth, mut quote) = (0_usize, None);
        for (at, c) in text.char_indices() {
            match (quote, c) {
                (None, '[' | '(') => depth += 1,
                (None, ']' | ')') => depth = depth.checked_sub(1)?,
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                _ => {}
            }
            if depth == 0 {
                let (list, rest) = text.split_at(at + c.len_utf8());
                self.0 = rest.chars();
                return Some(list);
            }
        }
        None
    }

    fn bool(&mut self) -> Option<bool> {
        if self.skip("True").is_some() {
            return Some(true);
        }
        self.skip("False").map(|()| false)
    }

    /// Reads `(3, 2)`, `(3,)` or `()`; Python 2 wrote `3L`.
    fn shape(&mut self) -> Option<Vec<u64>> {
        self.skip("(")?;
        let (lengths, rest) = self.0.as_str().split_once(')')?;
        self.0 = rest.chars();
        let lengths: Vec<&str> = lengths.split(',').map(str::trim).collect();
        let lengths = match lengths.as_slice() {
            [lengths @ .., ""] => lengths,
            lengths => lengths,
        };
        let length = |text: &&str| text.strip_suffix('L').unwrap_or(text).parse().ok();
        lengths.iter().map(length).collect()
    }
}

/// What an array can be read as.
pub(super) trait Element: Sized {
    /// Reads an element from its bytes.
    ///
    /// Returns none if they are not one.
    fn read(bytes: &[u8], header: &Header) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Element for $number {
            fn read(bytes: &[u8], header: &Header) -> Option<Self> {
                let bytes = bytes.try_into().ok()?;
                Some(if header.is_big_endian {
                    Self::from_be_bytes(bytes)
                } else {
                    Self::from_le_bytes(bytes)
                })
            }
        }
    )*};
}

numbers!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Element for bool {
    fn read(bytes: &[u8], _header: &Header) -> Option<Self> {
        let [byte] = bytes else { return None };
        Some(*byte != 0)
    }
}

impl Element for String {
    fn read(bytes: &[u8], header: &Header) -> Option<Self> {
        if header.kind == Kind::Bytes {
            let length = bytes.iter().rposition(|byte| *byte != 0);
            let bytes = &bytes[..length.map_or(0, |last| last + 1)];
            return Self::from_utf8(bytes.to_vec()).ok();
        }
        let chars = bytes.chunks_exact(4);
        let text: Self = chars
            .map(|char| char::from_u32(u32::read(char, header)?))
            .collect::<Option<_>>()?;
        Some(text.trim_end_matches('\0').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Header> {
        Header::parse(text)
    }

    #[test]
    fn reads_what_numpy_writes() {
        let header =
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }   \n").unwrap();
        assert_eq!((header.kind, header.n_bytes), (Kind::Float, Some(4)));
        assert_eq!(header.shape, [3, 2]);
        assert!(!header.is_fortran && !header.is_big_endian);
        let header = parse("{'shape': (7L,), \"fortran_order\": True,'descr':'>U5'}").unwrap();
        assert_eq!((header.kind, header.n_bytes), (Kind::Text, Some(20)));
        assert_eq!(header.shape, [7]);
        assert!(header.is_fortran && header.is_big_endian);
    }

    #[test]
    fn reads_arrays_without_axes() {
        let header = parse("{'descr': '|b1', 'fortran_order': False, 'shape': ()}").unwrap();
        assert!(header.shape.is_empty());
    }

    #[test]
    fn keeps_the_words_of_a_type_that_it_does_not_know() {
        let descr = "[('a)', '<f4', (2, 2)), ('b', '|O')]";
        let header = parse(&format!(
            "{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}"
        ))
        .unwrap();
        assert_eq!((header.kind, header.n_bytes), (Kind::Other, None));
        assert_eq!(header.descr, descr);
    }

    #[test]
    fn refuses_what_is_no_header() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [('a', '<f4'), 'fortran_order': False, 'shape': (1,)}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
