//! What `[search.search_space]` says of several nodes at once: `formats` and `tie`.

use super::super::choices::{self, Choices};
use super::super::error::StudyError;
use super::super::file::{Item, Raw};
use super::super::section::{Section, misfit};
use super::{FORMAT, Field, Group, QUANTIZE, Seed};

/// Reads `formats`: the presets that layers choose from which no seed gives a number format.
pub(super) fn read_formats(section: &mut Section<'_>) -> Result<Option<Group>, StudyError> {
    let path = section.path_of("formats");
    let Some(item) = section.item("formats") else {
        return Ok(None);
    };
    let expected = "a list of formats such as `[\"int8\", \"int4\"]`";
    let choices = choices::read(&path, item)?;
    if !matches!(choices, Choices::List(_)) {
        return Err(misfit(&path, item, expected));
    }
    let field = Field {
        name: FORMAT.to_owned(),
        choices,
    };
    Ok(Some(Group {
        table: QUANTIZE.to_owned(),
        pass: Some(QUANTIZE.to_owned()),
        fields: vec![field],
    }))
}

/// Checks that no `default` gives a number format beside `formats`: either is for what no key takes.
pub(super) fn check_default(seeds: &[Seed], formats: &Item) -> Result<(), StudyError> {
    let default = seeds.iter().filter(|seed| seed.key == "default");
    let mut groups = default.flat_map(|seed| &seed.groups);
    match groups.find(|group| group.pass.as_deref() == Some(QUANTIZE)) {
        None => Ok(()),
        Some(group) => {
            let what = format!(
                "`search.search_space.formats` and `search.search_space.seed.default.{}` both give \
                 a number format to what no key takes",
                group.table
            );
            let hint = "leave out one of the two".to_owned();
            Err(StudyError::at(&formats.origin, what).hinted(hint))
        }
    }
}

/// Reads `tie`: one list of nodes, or a list of such lists.
pub(super) fn read_ties(section: &mut Section<'_>) -> Result<Vec<Vec<String>>, StudyError> {
    let path = section.path_of("tie");
    let Some(item) = section.item("tie") else {
        return Ok(Vec::new());
    };
    let expected = "a list of nodes, or a list of such lists";
    let Raw::List(items) = &item.raw else {
        return Err(misfit(&path, item, expected));
    };
    let is_list = |item: &Item| matches!(item.raw, Raw::List(_));
    let lists: Vec<&Item> = match items.iter().any(is_list) {
        true => items.iter().collect(),
        false if items.is_empty() => Vec::new(),
        false => vec![item],
    };
    let mut ties = Vec::with_capacity(lists.len());
    for list in lists {
        let Raw::List(items) = &list.raw else {
            return Err(misfit(&path, list, expected));
        };
        let names = items.iter().map(|item| match &item.raw {
            Raw::Text(name) if !name.is_empty() => Ok(name.clone()),
            _ => Err(misfit(&path, item, expected)),
        });
        ties.push(names.collect::<Result<Vec<String>, StudyError>>()?);
    }
    Ok(ties)
}
