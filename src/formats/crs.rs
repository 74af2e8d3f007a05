//! Coordinate reference systems by code or definition.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Once;

use anyhow::{Result, anyhow};
use proj::Proj;

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
