//! Rust source with its comments and strings taken out, so that what is found in it is code.

/// Returns the source with comments and the insides of strings and characters replaced by
/// spaces. Lines and columns stay what they were.
pub(super) fn code(source: &str) -> String {
    let mut rest = source;
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let is_in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let (false, Some(length)) = (is_in_word, raw_string(rest)) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if let (false, Some(length)) = (is_in_word, character(rest)) {
            length
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (hidden, after) = rest.split_at(length);
        code.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// Returns the lines (counted from 1) on which a word stands in code.
pub(super) fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let lines = code.lines().enumerate();
    lines
        .filter(move |(_, line)| has_word(line, word))
        .map(|(idx, _)| idx + 1)
}

fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(is_letter) && !line[start + word.len()..].starts_with(is_letter)
    })
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut end = 0;
    while end < text.len() {
        if text[end..].starts_with("/*") {
            depth += 1;
            end += 2;
        } else if text[end..].starts_with("*/") {
            depth -= 1;
            end += 2;
            if depth == 0 {
                return end;
            }
        } else {
            end += text[end..].chars().next().map_or(1, char::len_utf8);
        }
    }
    end
}

fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - inside.len();
    Some(
        inside
            .find(&close)
            .map_or(text.len(), |end| start + end + close.len()),
    )
}

fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (idx, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return idx + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of a character in quotes; nothing for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.strip_prefix('\'')?.chars();
    match (inside.next()?, inside.next()?) {
        ('\\', _) => Some(quoted(text, '\'')),
        (c, '\'') => Some(c.len_utf8() + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_code_and_hides_the_rest() {
        let check = |source: &str, expected: &str| assert_eq!(code(source), expected);
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("un\"safe") + 1"#, "f(          ) + 1");
        check(r###"f(r#"a " b"#, x)"###, "f(          , x)");
        check("match c { '\"' => 'a, _ }", "match c {     => 'a, _ }");
        check(r"'\'' x", "     x");
        check("for r in bar { r\"\" }", "for r in bar {     }");
        check("\"ends nowhere", "             ");
    }

    #[test]
    fn keeps_the_lines() {
        let source = "let a = \"one\ntwo\";\n/* three\nfour */ let b = 1;";
        assert_eq!(code(source).lines().count(), source.lines().count());
        assert_eq!(lines_with(&code(source), "b").collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn finds_whole_words() {
        assert_eq!(
            lines_with("unsafe_code\nunsafe {", "unsafe").collect::<Vec<_>>(),
            [2]
        );
    }
}
