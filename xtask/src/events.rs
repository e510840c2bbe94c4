//! docs/events.md, made of the `OpenRPC` document: for each topic when it is told, to whom, what stands in
//! it, and one example. Nothing is known here that the document does not say.

use std::fmt::Write as _;

use serde_json::Value;

use crate::reference::{Members, table};

/// What stands above the topics.
const HEAD: &str = "\
# Events

Made by `make docs` of what the program says of itself (`camera-service openrpc`, `x-events`): change the code, not this page.
How a client asks for them, and what it is told when it was too slow, is in [api.md](api.md#notifications);
how they leave by themselves, in [bridges.md](bridges.md).

An event is a JSON-RPC notification: `{jsonrpc, method, params}`. `method` goes with the topic; the tables list what stands in
`params`. It is there unless it *may be missing*. **Role** is the least one that may hear of it.
";

/// The whole page.
pub(crate) fn page(document: &Value) -> Result<String, String> {
    let mut page = HEAD.to_owned();
    let mut shapes: Vec<(&Value, &str)> = Vec::new();
    for event in document["x-events"].as_array().ok_or("no events")? {
        let topic = event["topic"].as_str().ok_or("an event without a topic")?;
        let text = |key: &str| event[key].as_str().ok_or_else(|| format!("{topic} has no {key}"));
        let (summary, method, role) = (text("summary")?, text("method")?, text("x-role")?);
        let shape = &event["params"];
        let known = shapes.iter().find(|(known, _)| *known == shape);
        let parameters = if let Some((_, first)) = known {
            format!(" Parameters: as [{first}](#{}).\n", first.replace('.', ""))
        } else {
            shapes.push((shape, topic));
            let mut rows = Vec::new();
            Members { document, missing: "may be missing", always: "" }.below("", shape, 0, &mut rows)?;
            format!("\n{}", table("Parameter", &rows))
        };
        let example = serde_json::to_string_pretty(&event["example"]).map_err(|e| e.to_string())?;
        write!(
            page,
            "\n## {topic}\n\n{summary}. Method: `{method}`. Role: {role}.{parameters}\n```json\n{example}\n```\n"
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_is_told_once() {
        let event = |topic: &str| {
            let params = json!({"type": "object", "required": ["seq"], "properties":
                {"seq": {"type": "integer"}, "why": {"type": "string", "description": "For a person."}}});
            json!({"topic": topic, "summary": "It is", "method": "m", "x-role": "viewer", "params": params,
                "example": {"method": "m"}})
        };
        let page = page(&json!({"x-events": [event("a.b"), event("a.c")]})).unwrap();
        assert_eq!(page.matches("| `seq` | integer | |").count(), 1, "{page}");
        assert!(page.contains("| `why` | string | may be missing; For a person. |"), "{page}");
        assert!(
            page.contains("## a.c\n\nIt is. Method: `m`. Role: viewer. Parameters: as [a.b](#ab).\n"),
            "{page}"
        );
        assert_eq!(page.matches("\"method\": \"m\"").count(), 2, "{page}");
        assert!(super::page(&json!({"x-events": [{"topic": "a"}]})).is_err());
    }
}
