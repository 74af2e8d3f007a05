//! Coordinate systems that a user names.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Once;

use anyhow::{Result, anyhow};
use proj::Proj;

/// From one coordinate system to another, as x, y or longitude, latitude.
///
/// # Errors
/// A name that PROJ does not know.
pub fn between(from: &str, to: &str) -> Result<Proj> {
    be_silent();
    // its own error is a number without a text
    Proj::new_known_crs(from, to, None)
        .map_err(|_| anyhow!("{} is no coordinate system that PROJ knows", shown(from)))
}

/// A name for messages: the code, or the title in a definition.
pub fn shown(crs: &str) -> &str {
    let is_definition = crs.contains(['[', '{']);
    crs.split('"').nth(1).filter(|_| is_definition).unwrap_or(crs)
}

/// How sure PROJ must be that a definition is that of a code, percent: parameters and datum are the
/// same, and names may differ.
const SURE: i32 = 70;

/// The EPSG code of a definition (WKT of any kind, PROJJSON), as `EPSG:3035`; the definition itself
/// where it is none of the registry's.
pub fn of_definition(definition: &str) -> String {
    be_silent();
    code_of(definition).map_or_else(|| definition.to_owned(), |code| format!("EPSG:{code}"))
}

fn code_of(definition: &str) -> Option<u32> {
    let text = CString::new(definition).ok()?;
    // SAFETY: every pointer comes from PROJ, is checked where it may be null, belongs to a context
    // that no other thread knows, and is given back once.
    unsafe {
        let context = proj_sys::proj_context_create();
        let crs = proj_sys::proj_create(context, text.as_ptr());
        let mut code = None;
        if !crs.is_null() {
            let mut sure = ptr::null_mut();
            let authority = c"EPSG".as_ptr();
            let found =
                proj_sys::proj_identify(context, crs, authority, ptr::null(), &raw mut sure);
            // the surest comes first
            if proj_sys::proj_list_get_count(found) > 0 && !sure.is_null() && *sure >= SURE {
                let first = proj_sys::proj_list_get(context, found, 0);
                let id = proj_sys::proj_get_id_code(first, 0);
                if !id.is_null() {
                    code = CStr::from_ptr(id).to_str().ok().and_then(|id| id.parse().ok());
                }
                proj_sys::proj_destroy(first);
            }
            proj_sys::proj_int_list_destroy(sure);
            proj_sys::proj_list_destroy(found);
            proj_sys::proj_destroy(crs);
        }
        proj_sys::proj_context_destroy(context);
        code
    }
}

/// PROJ prints what it thinks of a name to standard error; our message says it.
fn be_silent() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the null context is the default one, from which every later context is copied.
        // Boundaries are read before other threads project anything, so nobody copies it now.
        unsafe {
            proj_sys::proj_log_level(std::ptr::null_mut(), proj_sys::PJ_LOG_LEVEL_PJ_LOG_NONE);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    // as GDAL writes it beside a shapefile
    const ESRI: &str = r#"PROJCS["ETRS89-extended_/_LAEA_Europe",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["False_Easting",4321000.0],PARAMETER["False_Northing",3210000.0],PARAMETER["Central_Meridian",10.0],PARAMETER["Latitude_Of_Origin",52.0],UNIT["Meter",1.0]]"#;

    #[test]
    fn a_definition_is_known_by_its_code() {
        assert_eq!(of_definition(ESRI), "EPSG:3035");
        let json = Proj::new("EPSG:3301").unwrap().to_projjson(Some(false), None, None).unwrap();
        assert_eq!(of_definition(&json), "EPSG:3301");
    }

    #[test]
    fn a_definition_of_nobodys_is_kept_and_named_by_its_title() {
        let own = ESRI.replace("10.0]", "11.0]").replace("ETRS89-extended_/_LAEA_Europe", "Ours");
        assert_eq!(of_definition(&own), own);
        assert_eq!(shown(&own), "Ours");
        assert_eq!(shown("EPSG:3035"), "EPSG:3035");
        let here = between(&own, "EPSG:3035").unwrap().convert((4_321_000.0, 3_210_000.0)).unwrap();
        // a degree of longitude at 52 degrees north
        let off: f64 = here.0 - 4_389_600.0;
        assert!(off.abs() < 200.0, "{here:?}");
        assert_eq!(of_definition("GISCO"), "GISCO");
    }
}
