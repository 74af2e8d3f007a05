//! The member `crs` of GeoJSON, in the forms that programs write.

use serde_json::Value;

use crate::formats::crs;

/// The CRS of a member `crs`, as [`crs::from_name`] returns it; the member itself if it is in another
/// form, so that an error can quote it; `None` for null, which declares none.
pub fn read(member: &Value) -> Option<String> {
    if member.is_null() {
        return None;
    }
    let known = named(member).and_then(|name| crs::from_name(&name));
    Some(known.unwrap_or_else(|| member.to_string()))
}

/// The name of the CRS out of the member.
fn named(member: &Value) -> Option<String> {
    match member {
        Value::String(name) => return Some(name.clone()),
        // a code alone
        Value::Number(code) => return Some(code.to_string()),
        _ => {}
    }
    let kind = member.get("type").and_then(Value::as_str).unwrap_or("name").to_ascii_lowercase();
    let properties = member.get("properties")?;
    // programs disagree about what the order counts from
    if properties.get("coordinate_order").is_some_and(|order| *order != serde_json::json!([0, 1])) {
        return None;
    }
    let text = |key: &str| match properties.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match kind.as_str() {
        "name" => text("name"),
        "link" => text("href"),
        "url" => text("url"),
        "ogc" => text("urn"),
        "epsg" | "esri" => text("code").map(|code| match code.contains(':') {
            true => code,
            false => format!("{kind}:{code}"),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(member: &str) -> Option<String> {
        read(&serde_json::from_str(member).unwrap())
    }

    #[test]
    fn forms_of_the_member_are_read() {
        for member in [
            r#"{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3301"}}"#,
            r#"{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG:9.9.1:3301"}}"#,
            r#"{"type":"name","properties":{"name":"http://www.opengis.net/def/crs/EPSG/0/3301"}}"#,
            r#"{"type":"EPSG","properties":{"code":3301}}"#,
            r#"{"type":"EPSG","properties":{"code":"EPSG:3301"}}"#,
            r#"{"type":"EPSG","properties":{"code":"3301","coordinate_order":[0,1]}}"#,
            r#"{"type":"link","properties":{"href":"http://spatialreference.org/ref/epsg/3301/proj4/","type":"proj4"}}"#,
            r#"{"properties":{"name":"EPSG:3301"}}"#,
            r#""EPSG:3301""#,
            "3301",
        ] {
            assert_eq!(of(member).as_deref(), Some("EPSG:3301"), "{member}");
        }
        assert_eq!(of("null"), None);
    }

    #[test]
    fn other_members_are_kept_for_the_error() {
        for member in [
            r#"{"type":"link","properties":{"href":"crs.wkt","type":"ogcwkt"}}"#,
            r#"{"type":"name","properties":{"name":"GISCO"}}"#,
            r#"{"type":"EPSG","properties":{"code":4326,"coordinate_order":[1,0]}}"#,
            r#"{"type":"name"}"#,
            "{}",
            "[3301]",
        ] {
            let quoted = serde_json::from_str::<Value>(member).unwrap().to_string();
            assert_eq!(of(member), Some(quoted.clone()));
            assert_eq!(crs::from_name(&quoted), None);
        }
    }
}
