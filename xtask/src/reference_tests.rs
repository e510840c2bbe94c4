//! Tests of the reference page: every kind of schema that the document uses, and those it must not.

use serde_json::json;

use super::*;

fn document(result: &Value) -> Value {
    json!({
        "methods": [{
            "name": "list", "summary": "Is it there?", "x-role": null, "x-rate": "own",
            "params": [
                {"name": "device", "required": true, "schema": {"type": "string", "pattern": "^(a|b)$"}},
                {"name": "limit", "required": false, "schema": {"type": "integer", "minimum": 1, "maximum": 9}},
                {"name": "since", "required": false, "schema": {"type": "object", "required": ["seq"],
                    "properties": {"seq": {"type": "integer", "minimum": 0}}}},
            ],
            "result": {"schema": result},
        }],
        "components": {"schemas": {
            "File": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "description": "Plain."}, "fps": {"type": ["number", "null"]}}},
            "Loop": {"type": "object", "properties": {"loop": {"$ref": "#/components/schemas/Loop"}}},
        }},
    })
}

#[test]
fn each_member_has_a_row() {
    let file = json!({"$ref": "#/components/schemas/File"});
    let result = json!({"type": "object", "required": ["files"], "properties": {
        "files": {"type": "array", "items": file},
        "one": {"anyOf": [file, {"type": "null"}]},
        "by_name": {"type": "object", "additionalProperties": file},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    }});
    let page = page(&document(&result)).unwrap();
    for line in [
        "## list",
        "Is it there? Role: none. Limit: own.",
        r"| `device` | string `^(a\|b)$` | required |",
        "| `limit` | integer 1 to 9 | |",
        "| `since.seq` | integer from 0 | required with it |",
        "| `files` | list of object | |",
        "| `files[].name` | string | Plain. |",
        "| `files[].fps` | number or null | may be missing |",
        "| `one` | object or null | may be missing |",
        "| `one.name` | string | Plain. |",
        "| `by_name.*.name` | string | Plain. |",
        "| `counts` | object of integer from 0 | may be missing |",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
}

#[test]
fn results_that_are_no_objects() {
    for (result, said) in [
        (json!({"type": "null"}), "No result."),
        (json!(true), "The result may be any JSON."),
        (json!({"type": "array", "items": {"type": "string"}}), "The result is a list of string."),
    ] {
        assert!(page(&document(&result)).unwrap().contains(said), "{said}");
    }
}

#[test]
fn a_document_that_is_none_is_refused() {
    for wrong in [json!({"$ref": "#/components/schemas/Loop"}), json!({"$ref": "#/components/schemas/Gone"})]
    {
        assert!(page(&document(&wrong)).is_err(), "{wrong}");
    }
    assert!(page(&json!({})).is_err() && page(&json!({"methods": [{"name": "x"}]})).is_err());
}
