//! Rules for values that their types do not express.

use anyhow::{Result, bail};

use super::{Checks, Config, Serve, tokens};
use crate::errors::nearest;
use crate::movement;

/// Maximum of a time limit, one year.
const MAX_SECONDS: u64 = 366 * 86_400;

/// Checks the values of a configuration.
///
/// # Errors
/// A value outside its range; keys that contradict each other.
pub fn validate(config: &Config) -> Result<()> {
    let warehouse = &config.warehouse;
    warehouse.url.check()?;
    let is_system = |name: &str| name.starts_with("pg_") || name == "information_schema";
    // the server would cut off what is longer, and gives $user another meaning
    let is_name =
        |name: &str| (1..=63).contains(&name.len()) && name != "$user" && !name.contains('\0');
    if is_system(&warehouse.schema) || !is_name(&warehouse.schema) {
        bail!(
            "warehouse.schema = {:?}: name a schema of at most 63 bytes that is not one of the system \
             schemas",
            warehouse.schema
        );
    }
    // a load uses one connection per core and one that coordinates them
    if warehouse.connections < 2 {
        bail!("warehouse.connections = {}: at least 2 are needed", warehouse.connections);
    }
    let time = &config.time;
    if time.day_start >= time.day_end || time.day_end > 24 {
        bail!(
            "time.day_start = {} and time.day_end = {}: the start must be before the end, both from 0 to 24",
            time.day_start,
            time.day_end
        );
    }
    if let Some(zone) = &time.zone
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        let near = nearest(zone, chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        let hint = near.map(|z| format!("; did you mean `{z}`?")).unwrap_or_default();
        bail!("time.zone = \"{zone}\" is not an IANA time zone{hint}");
    }
    super::anchors::validate(&config.anchors, &config.present, &config.weights)?;
    movement::validate(&config.stays, &config.trips)?;
    if !(config.geojoin.max_distance_m.is_finite() && config.geojoin.max_distance_m >= 0.0) {
        bail!("geojoin.max_distance_m must be a distance in metres, 0 or more");
    }
    if config.extract.connections == 0 {
        bail!("extract.connections = 0: at least 1 is needed");
    }
    validate_checks(&config.checks)?;
    config.spark.check()?;
    config.publish.check()?;
    validate_serve(&config.serve)?;
    for (key, paths) in
        [("events", &config.data.events), ("cells", &config.data.cells), ("lau", &config.data.lau)]
    {
        if paths.is_empty() {
            bail!("data.{key} is empty: name at least one file, folder or glob");
        }
    }
    Ok(())
}

fn validate_checks(checks: &Checks) -> Result<()> {
    if let Some(code) = checks.off.iter().find(|code| code.makes_unusable()) {
        bail!(
            "checks.off: {} cannot be turned off, because such rows cannot be counted",
            code.name()
        );
    }
    let limits = [
        ("fast_hop_km", checks.fast_hop_km),
        ("fast_hop_m_s", checks.fast_hop_m_s),
        ("ping_pong_s", checks.ping_pong_s),
        ("ping_pong_km", checks.ping_pong_km),
    ];
    match limits.iter().find(|(_, limit)| !(limit.is_finite() && *limit >= 0.0)) {
        Some((key, _)) => bail!("checks.{key} must be a number, 0 or more"),
        None => Ok(()),
    }
}

fn validate_serve(serve: &Serve) -> Result<()> {
    let port = serve.bind.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        bail!("serve.bind = {:?}: expected address and port, such as 127.0.0.1:5000", serve.bind);
    }
    if let Some(token) = &serve.token {
        tokens::check_token("serve.token", token)?;
    }
    tokens::check(&serve.tokens)?;
    serve.proxy_networks()?;
    serve.url_prefix()?;
    if serve.max_queries == 0 {
        bail!("serve.max_queries = 0: at least 1 is needed");
    }
    let seconds = [
        ("timeout_s", serve.timeout_s),
        ("client_timeout_s", serve.client_timeout_s),
        ("max_connection_s", serve.max_connection_s),
    ];
    if let Some((key, _)) = seconds.iter().find(|(_, seconds)| *seconds == 0) {
        bail!("serve.{key} = 0: at least 1 second is needed");
    }
    if let Some((key, seconds)) = seconds.iter().find(|(_, seconds)| *seconds > MAX_SECONDS) {
        bail!("serve.{key} = {seconds}: at most {MAX_SECONDS} seconds are possible");
    }
    let connections = [
        ("max_connections", serve.max_connections),
        ("max_connections_per_address", serve.max_connections_per_address()),
    ];
    if let Some((key, _)) = connections.iter().find(|(_, number)| *number == 0) {
        bail!("serve.{key} = 0: at least 1 is needed");
    }
    match (&serve.tls_cert, &serve.tls_key) {
        (Some(_), None) => bail!("serve.tls_cert is set, but serve.tls_key is not: TLS needs both"),
        (None, Some(_)) => bail!("serve.tls_key is set, but serve.tls_cert is not: TLS needs both"),
        _ => {}
    }
    Ok(())
}
