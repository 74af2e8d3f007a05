//! Coordinate reference systems by code or definition.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Once;

use anyhow::{Result, anyhow};
use proj::Proj;

/// The CRS of a GeoParquet file that declares none, as its specification says: WGS 84 in degrees. No
/// file that declares its CRS gets this name, but `EPSG:4326`.
pub const UNDECLARED_GEOPARQUET: &str = "OGC:CRS84";

/// The transformation between two coordinate reference systems. Coordinates are in the order x, y or
/// longitude, latitude.
///
/// # Errors
/// A code or definition that PROJ does not know.
pub fn transformation(from: &str, to: &str) -> Result<Proj> {
    silence_proj();
    // its own error is only a number
    Proj::new_known_crs(from, to, None).map_err(|_| {
        anyhow!("{} is not a coordinate reference system that PROJ knows", label(from))
    })
}

/// The code, or the title of a definition, for messages.
pub fn label(crs: &str) -> &str {
    let is_definition = crs.contains(['[', '{']);
    crs.split('"').nth(1).filter(|_| is_definition).unwrap_or(crs)
}

/// The codes of EPSG are at most this.
const MAX_EPSG: u32 = 32_767;

/// A CRS as files and people name it: `EPSG:3301`, `ESRI:102013`, a code alone, `OGC:CRS84`, URNs and
/// URLs of the OGC with or without a version, addresses of spatialreference.org and epsg.io, or a
/// definition (WKT, PROJJSON, a PROJ string). The result is `EPSG:3301`, `AUTHORITY:CODE`, or the
/// definition; `None` if the text is none of these.
pub fn from_name(name: &str) -> Option<String> {
    let name = name.trim_start_matches('\u{feff}').trim();
    if name.contains(['[', '{', '+']) {
        let init = name.strip_prefix("+init=").map(|code| code.split_whitespace().next());
        return match init {
            Some(code) => from_name(code?),
            None => is_crs(name).then(|| identify(name)),
        };
    }
    let lower = name.to_ascii_lowercase();
    let (authority, code) = match from_address(&lower) {
        Some(parts) => parts?,
        None => match lower.split(':').collect::<Vec<_>>().as_slice() {
            ["urn", "ogc" | "x-ogc", "def", "crs", authority, code]
            | ["urn", "ogc" | "x-ogc", "def", "crs", authority, _, code]
            | [authority, "", code]
            | [authority, code] => ((*authority).to_owned(), (*code).to_owned()),
            [code] if code.starts_with("crs") => ("ogc".to_owned(), (*code).to_owned()),
            [code] => ("epsg".to_owned(), (*code).to_owned()),
            _ => return None,
        },
    };
    match (authority.as_str(), code.as_str()) {
        ("ogc", "crs84" | "84" | "crs84h") => Some("EPSG:4326".to_owned()),
        ("ogc", "crs83" | "crs27") => Some(format!("OGC:{}", code.to_ascii_uppercase())),
        // Esri's programs call their own codes, which begin above those of EPSG, EPSG codes too
        ("epsg", number) if number.parse::<u32>().is_ok_and(|n| n > MAX_EPSG) => {
            let [epsg, esri] = ["EPSG", "ESRI"].map(|authority| format!("{authority}:{number}"));
            Some(if is_crs(&epsg) || !is_crs(&esri) { epsg } else { esri })
        }
        ("epsg" | "esri" | "iau_2015", number) if number.parse::<u32>().is_ok() => {
            Some(format!("{}:{number}", authority.to_ascii_uppercase()))
        }
        _ => None,
    }
}

/// Authority and code of an address in lower case; the inner `None` for an address of another kind.
fn from_address(lower: &str) -> Option<Option<(String, String)>> {
    let address = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"))?;
    let address = address.strip_prefix("www.").unwrap_or(address);
    let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Some(match (parts.as_slice(), fragment) {
        (["opengis.net", "def", "crs", authority, _version, code], "") => {
            Some(((*authority).to_owned(), (*code).to_owned()))
        }
        // GML 2: http://www.opengis.net/gml/srs/epsg.xml#3301
        (["opengis.net", "gml", "srs", file], code) if !code.is_empty() => {
            file.strip_suffix(".xml").map(|authority| (authority.to_owned(), code.to_owned()))
        }
        (["spatialreference.org", "ref", authority, code, ..], "") => {
            Some(((*authority).to_owned(), (*code).to_owned()))
        }
        (["epsg.io", code], "") => {
            let code = code.split('.').next().unwrap_or_default();
            Some(match code.split_once('-') {
                Some((authority, code)) => (authority.to_owned(), code.to_owned()),
                None => ("epsg".to_owned(), code.to_owned()),
            })
        }
        _ => None,
    })
}

/// True if PROJ reads the text as a coordinate reference system.
fn is_crs(definition: &str) -> bool {
    kind(definition).is_some()
}

/// The kinds of coordinate reference systems that boundaries can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Coordinates are longitude and latitude.
    Geographic,
    /// Coordinates are lengths on a plane.
    Projected,
    /// Geocentric, vertical, of an engineering site.
    Other,
}

/// The kind of a CRS; `None` for a text that PROJ does not read as a CRS.
pub fn kind(crs: &str) -> Option<Kind> {
    silence_proj();
    // without the type, PROJ takes such a text for a conversion
    let is_bare = crs.contains("+proj=") && !crs.contains("+type=crs");
    let text = CString::new(if is_bare { format!("{crs} +type=crs") } else { crs.to_owned() });
    let text = text.ok()?;
    // SAFETY: as in `epsg_code`; PROJ returns null for a text that it cannot read.
    unsafe {
        let context = proj_sys::proj_context_create();
        let mut object = proj_sys::proj_create(context, text.as_ptr());
        // the first part of a compound CRS is the horizontal one
        while !object.is_null() {
            let of = proj_sys::proj_get_type(object);
            let part = match of {
                proj_sys::PJ_TYPE_PJ_TYPE_BOUND_CRS => {
                    proj_sys::proj_get_source_crs(context, object)
                }
                proj_sys::PJ_TYPE_PJ_TYPE_COMPOUND_CRS => {
                    proj_sys::proj_crs_get_sub_crs(context, object, 0)
                }
                _ => break,
            };
            proj_sys::proj_destroy(object);
            object = part;
        }
        let kind = if object.is_null() || proj_sys::proj_is_crs(object) == 0 {
            None
        } else {
            Some(match proj_sys::proj_get_type(object) {
                proj_sys::PJ_TYPE_PJ_TYPE_GEOGRAPHIC_2D_CRS
                | proj_sys::PJ_TYPE_PJ_TYPE_GEOGRAPHIC_3D_CRS => Kind::Geographic,
                proj_sys::PJ_TYPE_PJ_TYPE_PROJECTED_CRS => Kind::Projected,
                _ => Kind::Other,
            })
        };
        if !object.is_null() {
            proj_sys::proj_destroy(object);
        }
        proj_sys::proj_context_destroy(context);
        kind
    }
}

/// The confidence that PROJ has to report, percent: parameters and datum are the same, and names may
/// differ.
const MIN_CONFIDENCE: i32 = 70;

/// The EPSG code of a definition (WKT of any version, PROJJSON), as `EPSG:3035`; the definition itself
/// if it has no code.
pub fn identify(definition: &str) -> String {
    silence_proj();
    epsg_code(definition).map_or_else(|| definition.to_owned(), |code| format!("EPSG:{code}"))
}

fn epsg_code(definition: &str) -> Option<u32> {
    let text = CString::new(definition).ok()?;
    // SAFETY: every pointer comes from PROJ, is checked if it can be null, belongs to a context that
    // only this thread uses, and is freed once.
    unsafe {
        let context = proj_sys::proj_context_create();
        let crs = proj_sys::proj_create(context, text.as_ptr());
        let mut code = None;
        if !crs.is_null() {
            let mut confidence = ptr::null_mut();
            let authority = c"EPSG".as_ptr();
            let found =
                proj_sys::proj_identify(context, crs, authority, ptr::null(), &raw mut confidence);
            // the list is sorted by confidence
            if proj_sys::proj_list_get_count(found) > 0
                && !confidence.is_null()
                && *confidence >= MIN_CONFIDENCE
            {
                let first = proj_sys::proj_list_get(context, found, 0);
                let id = proj_sys::proj_get_id_code(first, 0);
                if !id.is_null() {
                    code = CStr::from_ptr(id).to_str().ok().and_then(|id| id.parse().ok());
                }
                proj_sys::proj_destroy(first);
            }
            proj_sys::proj_int_list_destroy(confidence);
            proj_sys::proj_list_destroy(found);
            proj_sys::proj_destroy(crs);
        }
        proj_sys::proj_context_destroy(context);
        code
    }
}

/// Stops PROJ from printing to standard error, because our own messages report its errors.
fn silence_proj() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the null context is the default, which later contexts copy. Boundaries are read
        // before other threads use PROJ, so no thread copies it now.
        unsafe {
            proj_sys::proj_log_level(std::ptr::null_mut(), proj_sys::PJ_LOG_LEVEL_PJ_LOG_NONE);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    // as GDAL writes it into a .prj file
    const ESRI: &str = r#"PROJCS["ETRS89-extended_/_LAEA_Europe",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["False_Easting",4321000.0],PARAMETER["False_Northing",3210000.0],PARAMETER["Central_Meridian",10.0],PARAMETER["Latitude_Of_Origin",52.0],UNIT["Meter",1.0]]"#;

    #[test]
    fn a_definition_is_identified_by_its_code() {
        assert_eq!(identify(ESRI), "EPSG:3035");
        let json = Proj::new("EPSG:3301").unwrap().to_projjson(Some(false), None, None).unwrap();
        assert_eq!(identify(&json), "EPSG:3301");
    }

    #[test]
    fn names_urns_urls_and_codes_are_read() {
        for name in [
            "EPSG:3301",
            "epsg:3301",
            "3301",
            "EPSG::3301",
            "urn:ogc:def:crs:EPSG::3301",
            "urn:ogc:def:crs:EPSG:9.9.1:3301",
            "urn:x-ogc:def:crs:EPSG:3301",
            "http://www.opengis.net/def/crs/EPSG/0/3301",
            "https://www.opengis.net/def/crs/EPSG/9.9.1/3301",
            "http://www.opengis.net/gml/srs/epsg.xml#3301",
            "http://spatialreference.org/ref/epsg/3301/proj4/",
            "https://epsg.io/3301.json",
            "+init=epsg:3301",
            "\u{feff}EPSG:3301\n",
        ] {
            assert_eq!(from_name(name).as_deref(), Some("EPSG:3301"), "{name}");
        }
        for name in [
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "urn:ogc:def:crs:OGC::CRS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "OGC:CRS84",
            "CRS84",
        ] {
            assert_eq!(from_name(name).as_deref(), Some("EPSG:4326"), "{name}");
        }
        assert_eq!(from_name("urn:ogc:def:crs:ESRI::102013").as_deref(), Some("ESRI:102013"));
        assert_eq!(from_name("https://epsg.io/ESRI-102013").as_deref(), Some("ESRI:102013"));
        assert_eq!(from_name("EPSG:102013").as_deref(), Some("ESRI:102013"));
        assert_eq!(from_name(ESRI).as_deref(), Some("EPSG:3035"));
        for name in ["", "GISCO", "http://example.com/crs/3301", "urn:ogc:def:crs:EPSG::", "a:1"] {
            assert_eq!(from_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_kind_of_a_crs_is_that_of_its_horizontal_part() {
        assert_eq!(kind("EPSG:4326"), Some(Kind::Geographic));
        assert_eq!(kind("OGC:CRS84"), Some(Kind::Geographic));
        assert_eq!(kind("ESRI:102013"), Some(Kind::Projected));
        assert_eq!(kind("EPSG:3301+5705"), Some(Kind::Projected));
        assert_eq!(kind("EPSG:4978"), Some(Kind::Other));
        assert_eq!(kind("+proj=utm +zone=35"), Some(Kind::Projected));
        assert_eq!(kind("+proj=longlat +type=crs"), Some(Kind::Geographic));
        assert_eq!(kind("EPSG:999999"), None);
    }

    #[test]
    fn a_definition_without_a_code_is_kept_and_labelled_by_its_title() {
        let own = ESRI.replace("10.0]", "11.0]").replace("ETRS89-extended_/_LAEA_Europe", "Ours");
        assert_eq!(identify(&own), own);
        assert_eq!(label(&own), "Ours");
        assert_eq!(label("EPSG:3035"), "EPSG:3035");
        let here =
            transformation(&own, "EPSG:3035").unwrap().convert((4_321_000.0, 3_210_000.0)).unwrap();
        // a degree of longitude at 52 degrees north
        let off: f64 = here.0 - 4_389_600.0;
        assert!(off.abs() < 200.0, "{here:?}");
        assert_eq!(identify("GISCO"), "GISCO");
    }
}
