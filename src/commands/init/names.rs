//! Which column means what, by its name.

use crate::errors::nearest_column;

/// A meaning that a column can have.
pub struct Role {
    /// The configuration key that names the column.
    pub key: &'static str,
    /// The name without that key.
    pub default: &'static str,
    /// Other usual names in several languages, the best ones first: lower case, without separators.
    words: &'static [&'static str],
}

pub const EVENTS: [Role; 3] = [
    Role {
        key: "columns.user_id",
        default: "user_id",
        words: &[
            "user",
            "subscriberid",
            "subscriber",
            "customerid",
            "customer",
            "clientid",
            "imsi",
            "msisdn",
            "uid",
            "deviceid",
            "device",
            "pseudonym",
            "hash",
            "teilnehmer",
            "kunde",
            "abonado",
            "usuario",
            "abonne",
            "utilisateur",
            "abonent",
            "utente",
        ],
    },
    Role { key: "columns.cell_id", default: "cell_id", words: CELL },
    Role {
        key: "columns.timestamp",
        default: "timestamp",
        words: &[
            "datetime",
            "eventtime",
            "time",
            "ts",
            "starttime",
            "zeitpunkt",
            "zeitstempel",
            "zeit",
            "fechahora",
            "horodatage",
            "dataora",
            "when",
            "date",
            "fecha",
            "datum",
        ],
    },
];

pub const CELL_PLAN: [Role; 5] = [
    Role { key: "columns.plan_cell_id", default: "cell_id", words: CELL },
    Role {
        key: "columns.latitude",
        default: "latitude",
        words: &["lat", "breite", "breitengrad", "latitud", "laius", "y"],
    },
    Role {
        key: "columns.longitude",
        default: "longitude",
        words: &["lon", "lng", "long", "laenge", "laengengrad", "longitud", "pikkus", "x"],
    },
    Role {
        key: "columns.valid_date_start",
        default: "valid_date_start",
        words: &["validfrom", "startdate", "datefrom", "gueltigvon", "gueltigab", "desde", "debut"],
    },
    Role {
        key: "columns.valid_date_end",
        default: "valid_date_end",
        words: &["validto", "validuntil", "enddate", "dateto", "gueltigbis", "hasta", "fin"],
    },
];

pub const BOUNDARIES: [Role; 3] = [
    Role {
        key: "columns.gisco_id",
        default: "GISCO_ID",
        words: &[
            "lauid",
            "laucode",
            "ags",
            "ars",
            "codigoine",
            "codigo",
            "inseecom",
            "insee",
            "istat",
            "procomt",
            "natcode",
            "okood",
            "kood",
            "code",
            "id",
        ],
    },
    Role {
        key: "columns.cntr_code",
        default: "CNTR_CODE",
        words: &["countrycode", "country", "cntrid", "iso2", "iso3", "iso", "pais", "pays", "riik"],
    },
    Role {
        key: "columns.lau_name",
        default: "LAU_NAME",
        words: &["gen", "name", "nombre", "nimi", "onimi", "nom", "nome", "comune", "namn"],
    },
];

const CELL: &[&str] = &[
    "cell",
    "cellidentity",
    "cellglobalid",
    "cgi",
    "ecgi",
    "eci",
    "nci",
    "sectorid",
    "sector",
    "antennaid",
    "antenna",
    "siteid",
    "site",
    "funkzelle",
    "zelle",
    "celda",
    "cellule",
    "cella",
    "celula",
];

/// The column of each role among `present`, if one looks like it. No column gets two roles.
pub fn assign(roles: &[Role], present: &[&str]) -> Vec<Option<String>> {
    let mut found: Vec<Option<&str>> = vec![None; roles.len()];
    // surer matches of all roles come first, so that a poorer one never takes their column
    let steps: [Match; 3] = [by_name, by_word, by_spelling];
    for step in steps {
        for (number, role) in roles.iter().enumerate() {
            if found[number].is_none() {
                let free: Vec<&str> =
                    present.iter().filter(|name| !found.contains(&Some(name))).copied().collect();
                found[number] = step(role, &free);
            }
        }
    }
    found.into_iter().map(|name| name.map(str::to_owned)).collect()
}

/// The column of a role among those without one.
type Match = for<'a> fn(&Role, &[&'a str]) -> Option<&'a str>;

fn by_name<'a>(role: &Role, free: &[&'a str]) -> Option<&'a str> {
    free.iter().find(|name| **name == role.default).copied()
}

fn by_word<'a>(role: &Role, free: &[&'a str]) -> Option<&'a str> {
    let default = plain(role.default);
    let words = std::iter::once(default.as_str()).chain(role.words.iter().copied());
    words.into_iter().find_map(|word| free.iter().find(|name| plain(name) == word).copied())
}

fn by_spelling<'a>(role: &Role, free: &[&'a str]) -> Option<&'a str> {
    nearest_column(role.default, free, &[])
}

/// A name in lower case without separators and umlauts.
fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
    name.replace(|c: char| !c.is_alphanumeric(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(roles: &[Role], present: &[&str]) -> Vec<String> {
        assign(roles, present).into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn columns_are_found_in_several_languages_and_spellings() {
        for (present, expected) in [
            (["Teilnehmer", "Zeitpunkt", "Funkzelle"], ["Teilnehmer", "Funkzelle", "Zeitpunkt"]),
            (["celda", "abonado", "fecha_hora"], ["abonado", "celda", "fecha_hora"]),
            (["IMSI", "Event-Time", "ECGI"], ["IMSI", "ECGI", "Event-Time"]),
            (["userid", "timestmp", "CellId"], ["userid", "CellId", "timestmp"]),
        ] {
            assert_eq!(assigned(&EVENTS, &present), expected);
        }
        assert_eq!(
            assigned(&CELL_PLAN, &["Zelle", "Breite", "Länge", "gueltig_von", "gueltig_bis"]),
            ["Zelle", "Breite", "Länge", "gueltig_von", "gueltig_bis"]
        );
        assert_eq!(assigned(&BOUNDARIES, &["AGS", "GEN"]), ["AGS", "", "GEN"]);
    }

    #[test]
    fn a_column_has_one_meaning_and_the_surest_match_wins() {
        let plan = ["cell_id", "altitude", "lat", "lon"];
        assert_eq!(assigned(&CELL_PLAN, &plan), ["cell_id", "lat", "lon", "", ""]);
        assert_eq!(assigned(&EVENTS, &["user", "user_id", "cell", "time"])[0], "user_id");
        assert_eq!(assigned(&EVENTS, &["a", "b", "c"]), ["", "", ""]);
    }
}
