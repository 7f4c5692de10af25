//! Hints: what a user could do about an error, kept apart from the message.

/// Returns the known name that is nearest to `name`, if one is near enough to be a slip.
///
/// Near is an edit distance (Levenshtein) of at most a third of the longer name, or one name
/// being the beginning of the other.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter_map(|candidate| {
            let distance = edit_distance(name, candidate);
            let longer = name.chars().count().max(candidate.chars().count());
            let prefix =
                name.len() >= 3 && (candidate.starts_with(name) || name.starts_with(candidate));
            (distance * 3 <= longer || prefix).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the sentence `did you mean ...?` for a name that is not known.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (a_idx, a_char) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = a_idx + 1;
        for (b_idx, b_char) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a_char != *b_char);
            diagonal = row[b_idx + 1];
            row[b_idx + 1] = substituted.min(diagonal + 1).min(row[b_idx] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_of_the_finger() {
        assert_eq!(nearest("tpee", ["random", "tpe", "brute"]), Some("tpe"));
        assert_eq!(
            nearest("max_epoch", ["max_epochs", "batch_size"]),
            Some("max_epochs")
        );
    }

    #[test]
    fn says_nothing_when_nothing_is_near() {
        assert_eq!(nearest("resnet152", ["random", "tpe", "brute"]), None);
    }
}
