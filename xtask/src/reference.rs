//! docs/reference.md, made of the `OpenRPC` document: for each method who may call it, what it takes and what
//! it gives, member by member. Nothing is known here that the document does not say.

use serde_json::Value;

/// Deeper than any answer of ours; a type that holds itself ends here.
const MAX_DEPTH: usize = 8;

/// What stands above the methods.
const HEAD: &str = "\
# Reference

Made by `make docs` of what the program says of itself (`camera-service openrpc`): change the code, not this page. What the
methods mean, with examples, is in [api.md](api.md); programs read [openrpc.json](openrpc.json).

- **Role** is the least one that may call it. **Limit** is `general` (`security.rate_limit`), or `own`: one of its own besides.
- `auth_token` may stand beside any parameters. Unknown parameters are an error.
- `a.b` is the member `b` of the object `a`, `a[]` each item of a list, `a.*` each value of an object with free names.
- A member of a result is always there, if what it stands in is, unless it *may be missing*.
- What every method may answer instead: -32602 (parameters), -32001 (credentials), -32002 (role), -32040 (limit), -32603 (our
  failure); -32000 if it takes a `device`. All codes are in [api.md](api.md#errors).
";

/// The whole page.
pub(crate) fn page(document: &Value) -> Result<String, String> {
    let mut page = HEAD.to_owned();
    for method in document["methods"].as_array().ok_or("no methods")? {
        page += &section(document, method)?;
    }
    Ok(page)
}

/// One method.
fn section(document: &Value, method: &Value) -> Result<String, String> {
    let name = method["name"].as_str().ok_or("a method without a name")?;
    let text = |key: &str| method[key].as_str().ok_or_else(|| format!("{name} has no {key}"));
    let (summary, rate, role) = (text("summary")?, text("x-rate")?, method["x-role"].as_str());
    let stop = if summary.ends_with(['?', '!']) { "" } else { "." };
    let role = role.unwrap_or("none");
    let mut section = format!("\n## {name}\n\n{summary}{stop} Role: {role}. Limit: {rate}.\n");
    let params = method["params"].as_array().ok_or_else(|| format!("{name} has no params"))?;
    let mut rows = Vec::new();
    for param in params {
        let inside = param["name"].as_str().ok_or_else(|| format!("a parameter of {name} has no name"))?;
        let needed = param["required"] == true;
        rows.push(row(inside, &param["schema"], if needed { "required" } else { "" }));
        let nested = Members { document, missing: "", always: "required with it" };
        nested.below(inside, &param["schema"], 0, &mut rows)?;
    }
    section += &table("Parameter", &rows);
    let result = Members { document, missing: "may be missing", always: "" };
    section += &result.of_result(&method["result"]["schema"])?;
    Ok(section)
}

fn row(name: &str, schema: &Value, note: &str) -> String {
    let told = schema["description"].as_str().unwrap_or_default();
    let note = [note, told].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    format!("| `{name}` | {} | {} |", kind(schema), cell(&note)).replace("|  |", "| |")
}

pub(crate) fn table(what: &str, rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| {what} | Type | |\n|---|---|---|\n{}\n", rows.join("\n"))
}

/// Text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The type of a value in a few words, without what is inside of it.
fn kind(schema: &Value) -> String {
    let one_of = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    if let Some(choices) = one_of {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if schema.get("$ref").is_some() {
        return "object".to_owned();
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| format!("`{}`", word.as_str().unwrap_or("null")));
        return words.collect::<Vec<_>>().join(", ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any JSON".to_owned(),
    };
    names.into_iter().map(|name| plain(name, schema)).collect::<Vec<_>>().join(" or ")
}

/// A JSON type with its bounds.
fn plain(name: &str, schema: &Value) -> String {
    let bound = |low: &str, high: &str| match (schema.get(low), schema.get(high)) {
        (Some(low), Some(high)) => format!(" {low} to {high}"),
        (Some(low), None) => format!(" from {low}"),
        (None, Some(high)) => format!(" up to {high}"),
        (None, None) => String::new(),
    };
    match name {
        "array" => format!("list{} of {}", bound("minItems", "maxItems"), kind(&schema["items"])),
        "object" => match schema["additionalProperties"].get("type") {
            Some(_) => format!("object of {}", kind(&schema["additionalProperties"])),
            None => name.to_owned(),
        },
        "integer" | "number" => format!("{name}{}", bound("minimum", "maximum")),
        "string" => match (schema["pattern"].as_str(), schema["format"].as_str()) {
            (Some(pattern), _) => format!("string `{}`", cell(pattern)),
            (None, Some("date-time")) => "time (RFC 3339)".to_owned(),
            (None, _) => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

/// Walks through what an object holds.
pub(crate) struct Members<'a> {
    pub(crate) document: &'a Value,
    /// What is said of a member that need not be there.
    pub(crate) missing: &'static str,
    /// What is said of one that must.
    pub(crate) always: &'static str,
}

impl Members<'_> {
    fn of_result(&self, schema: &Value) -> Result<String, String> {
        let schema = self.resolved(schema)?;
        let mut rows = Vec::new();
        self.below("", schema, 0, &mut rows)?;
        Ok(match schema["type"].as_str() {
            Some("null") => "\nNo result.\n".to_owned(),
            Some("object") if !rows.is_empty() => table("Result", &rows),
            Some(_) => format!("\nThe result is a {}.\n{}", kind(schema), table("Result", &rows)),
            None => "\nThe result may be any JSON.\n".to_owned(),
        })
    }

    /// Rows for all that is inside of the value named `name`.
    pub(crate) fn below(
        &self,
        name: &str,
        schema: &Value,
        depth: usize,
        rows: &mut Vec<String>,
    ) -> Result<(), String> {
        let schema = self.resolved(schema)?;
        if depth > MAX_DEPTH {
            return Err(format!("`{name}` is too deep for a page"));
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            return choices.iter().try_for_each(|choice| self.below(name, choice, depth + 1, rows));
        }
        if let Some(items) = schema.get("items") {
            return self.below(&format!("{name}[]"), items, depth + 1, rows);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            return self.below(&format!("{name}.*"), values, depth + 1, rows);
        }
        let required = schema["required"].as_array();
        for (member, inside) in schema["properties"].as_object().into_iter().flatten() {
            let is_needed = required.is_some_and(|names| names.iter().any(|name| name == member));
            let full = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
            rows.push(row(&full, inside, if is_needed { self.always } else { self.missing }));
            self.below(&full, inside, depth + 1, rows)?;
        }
        Ok(())
    }

    /// What a reference leads to.
    fn resolved<'a>(&'a self, schema: &'a Value) -> Result<&'a Value, String> {
        let Some(reference) = schema["$ref"].as_str() else { return Ok(schema) };
        let pointer = reference.strip_prefix('#').unwrap_or(reference);
        self.document.pointer(pointer).ok_or_else(|| format!("{reference} leads nowhere"))
    }
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
