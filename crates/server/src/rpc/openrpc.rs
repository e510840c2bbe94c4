//! The API as an `OpenRPC` document (spec.open-rpc.org, 1.3.2), made of the table and of the types that are
//! read and written: what is not in the code cannot be in it.

use std::sync::LazyLock;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::table::{AUTHENTICATE, METHODS, Rate};
use crate::{
    about, events,
    wire::{API_VERSION, Authenticate, Authenticated, Params, Takes},
};

/// Where definitions stand in the document.
const DEFINITIONS: &str = "/components/schemas";

static DOCUMENT: LazyLock<Value> = LazyLock::new(make);

/// The document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

fn make() -> Value {
    // What is given is described as it is written: then `required` says what always stands there.
    let settings = SchemaSettings::draft07().for_serialize().with(|settings| {
        settings.definitions_path = DEFINITIONS.into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut methods = vec![authenticate(&mut schemas)];
    methods.extend(METHODS.iter().map(|method| {
        let result = (method.gives)(&mut schemas).to_value();
        entry(
            method.name,
            method.summary,
            Some(method.least.as_str()),
            method.rate,
            &(method.takes)(),
            &result,
        )
    }));
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Camera Service",
            "version": API_VERSION.to_string(),
            "description": "JSON-RPC 2.0 over WebSocket (/ws) and HTTP (POST /rpc). Every parameter list is by name; \
                            auth_token may stand beside any parameters.",
            "license": {"name": "MIT OR Apache-2.0"},
            "x-service-version": about::VERSION,
        },
        "methods": methods,
        "x-events": events::describe(&mut schemas),
        "components": {"schemas": schemas.take_definitions(true)},
    })
}

fn authenticate(schemas: &mut SchemaGenerator) -> Value {
    let result = schemas.subschema_for::<Authenticated>().to_value();
    let takes = Params::describe::<Authenticate>();
    entry(
        AUTHENTICATE,
        "Make this connection's session the holder's of a token",
        None,
        Rate::Own,
        &takes,
        &result,
    )
}

fn entry(
    name: &str,
    summary: &str,
    role: Option<&str>,
    rate: Rate,
    takes: &[Takes],
    result: &Value,
) -> Value {
    let params: Vec<Value> = takes
        .iter()
        .map(|takes| json!({"name": takes.name, "required": takes.required, "schema": takes.schema}))
        .collect();
    json!({
        "name": name,
        "summary": summary,
        "paramStructure": "by-name",
        "params": params,
        "result": {"name": "result", "schema": result},
        "x-role": role,
        "x-rate": match rate {
            Rate::General => "general",
            Rate::Own => "own",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str) -> &'static Value {
        let methods = document()["methods"].as_array().unwrap();
        methods.iter().find(|method| method["name"] == name).unwrap()
    }

    #[test]
    fn every_method_is_there_with_what_it_takes() {
        assert_eq!(document()["methods"].as_array().unwrap().len(), METHODS.len() + 1);
        assert_eq!(
            method("start_recording")["params"],
            json!([
                {"name": "device", "required": true, "schema": {"type": "string", "pattern": "^camera[0-9]+$"}},
                {"name": "duration", "required": false,
                 "schema": {"type": "integer", "minimum": 1, "maximum": 86400}},
                {"name": "format", "required": false,
                 "schema": {"type": "string", "enum": ["mp4", "fmp4", "avi", "mkv"]}},
            ])
        );
        assert_eq!(method("delete_snapshot")["params"][0]["required"], true);
        assert_eq!(method("authenticate")["x-role"], Value::Null);
        assert_eq!(method("take_snapshot")["x-role"], "operator");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| walk(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        walk(document(), &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document().pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn no_parameter_is_asked_for_twice() {
        for method in METHODS {
            let names: Vec<_> = (method.takes)().iter().map(|takes| takes.name).collect();
            let mut sorted = names.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), names.len(), "{}", method.name);
            assert!(!method.summary.is_empty() && !method.summary.ends_with('.'), "{}", method.name);
        }
    }
}
