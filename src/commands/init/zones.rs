//! Time zones of countries.

/// Codes of Eurostat and of ISO with two and with three letters, and the zone of the capital.
const ZONES: [(&str, &str, &str); 38] = [
    ("AL", "ALB", "Europe/Tirane"),
    ("AT", "AUT", "Europe/Vienna"),
    ("BA", "BIH", "Europe/Sarajevo"),
    ("BE", "BEL", "Europe/Brussels"),
    ("BG", "BGR", "Europe/Sofia"),
    ("CH", "CHE", "Europe/Zurich"),
    ("CY", "CYP", "Asia/Nicosia"),
    ("CZ", "CZE", "Europe/Prague"),
    ("DE", "DEU", "Europe/Berlin"),
    ("DK", "DNK", "Europe/Copenhagen"),
    ("EE", "EST", "Europe/Tallinn"),
    ("EL", "GRC", "Europe/Athens"),
    ("ES", "ESP", "Europe/Madrid"),
    ("FI", "FIN", "Europe/Helsinki"),
    ("FR", "FRA", "Europe/Paris"),
    ("GR", "GRC", "Europe/Athens"),
    ("GB", "GBR", "Europe/London"),
    ("HR", "HRV", "Europe/Zagreb"),
    ("HU", "HUN", "Europe/Budapest"),
    ("IE", "IRL", "Europe/Dublin"),
    ("IS", "ISL", "Atlantic/Reykjavik"),
    ("IT", "ITA", "Europe/Rome"),
    ("LI", "LIE", "Europe/Vaduz"),
    ("LT", "LTU", "Europe/Vilnius"),
    ("LU", "LUX", "Europe/Luxembourg"),
    ("LV", "LVA", "Europe/Riga"),
    ("MK", "MKD", "Europe/Skopje"),
    ("MT", "MLT", "Europe/Malta"),
    ("NL", "NLD", "Europe/Amsterdam"),
    ("NO", "NOR", "Europe/Oslo"),
    ("PL", "POL", "Europe/Warsaw"),
    ("PT", "PRT", "Europe/Lisbon"),
    ("RO", "ROU", "Europe/Bucharest"),
    ("RS", "SRB", "Europe/Belgrade"),
    ("SE", "SWE", "Europe/Stockholm"),
    ("SI", "SVN", "Europe/Ljubljana"),
    ("SK", "SVK", "Europe/Bratislava"),
    ("UK", "GBR", "Europe/London"),
];

/// The zone of a country's capital, by a code in any case; `None` for an unknown code.
pub fn zone_of(country: &str) -> Option<&'static str> {
    let is_it = |code: &str| code.eq_ignore_ascii_case(country);
    ZONES.iter().find(|(two, three, _)| is_it(two) || is_it(three)).map(|(_, _, zone)| *zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_in_the_database_and_codes_of_both_lengths_are_known() {
        for (two, three, zone) in ZONES {
            assert!(zone.parse::<chrono_tz::Tz>().is_ok(), "{zone}");
            assert!(zone_of(two) == Some(zone) && zone_of(three).is_some(), "{two} {three}");
        }
        assert_eq!(zone_of("esp"), Some("Europe/Madrid"));
        assert_eq!(zone_of("XX"), None);
    }
}
