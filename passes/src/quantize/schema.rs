//! The schema of an entry, which is read by hand so that an error can name the field.

use std::borrow::Cow;

use firebrick_core::Json;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, json};

use super::choices::choices;
use super::presets::PRESETS;
use super::setting::names;

/// What an entry can say.
pub(super) struct Entry;

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "Entry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for choice in choices() {
            let schema = match choice.field.as_str() {
                "format" => {
                    let presets = PRESETS.iter().map(
                        |preset| json!({ "const": preset.name, "description": preset.summary }),
                    );
                    let presets: Vec<Json> = presets.chain([json!({ "type": "null" })]).collect();
                    json!({ "oneOf": presets })
                }
                "name" => {
                    let names = names().into_iter().map(Json::from);
                    let names: Vec<Json> = names.chain([Json::Null]).collect();
                    json!({ "enum": names })
                }
                "bypass" => json!({ "type": "boolean" }),
                "arithmetic" => json!({ "enum": ["mase", null] }),
                field if field.ends_with("_scale") => {
                    json!({ "enum": ["one", "mean", "power_of_two", null] })
                }
                field if field.ends_with("_signed") => json!({ "type": "boolean" }),
                _ => json!({ "type": ["integer", "null"] }),
            };
            let mut schema = schema;
            schema["description"] = choice.summary.into();
            properties.insert(choice.field, schema);
        }
        properties.insert(
            "config".to_owned(),
            json!({ "type": "object", "description": "MASE puts the other fields in here." }),
        );
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        schema
    }
}
