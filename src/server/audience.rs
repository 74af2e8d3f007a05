//! Who reads: analysts, exact numbers from the warehouse; or the public, what was released.
//!
//! A server for the public never opens the warehouse, whatever token a client has. A server for analysts shows
//! clients with a token of the role `public` what was released. Each audience has its own views, routes, caches and
//! ETags, so that nothing passes from one to the other.

use anyhow::{Result, anyhow};
use axum::http::StatusCode;

use super::address::Address;
use super::caller::Caller;
use super::problem::Problem;
use super::site::Site;
use crate::config::{Audience, Role, Serve};
use crate::errors::UsageError;

/// The audience of a server: what is configured, and else the public if other machines can reach it.
///
/// # Errors
/// [`UsageError`] for rows of single users on a server for the public.
pub fn of_server(serve: &Serve, address: &Address, default: Audience) -> Result<Audience> {
    let audience = match serve.audience {
        Some(audience) => audience,
        None if address.is_loopback => default,
        None => Audience::Public,
    };
    if audience == Audience::Public && serve.allow_user_rows {
        return Err(anyhow!(UsageError(format!(
            "serve.allow_user_rows = true, but a server on {} is for the public, which never sees rows of single \
             users: set serve.audience = \"analyst\" if only analysts can reach it, or remove serve.allow_user_rows",
            serve.bind
        ))));
    }
    Ok(audience)
}

/// The audience of a client of that server.
pub fn of_caller(server: Audience, caller: Option<&Caller>) -> Audience {
    let role = caller.and_then(|caller| caller.identity.as_ref()).map(|identity| identity.role);
    match role {
        Some(Role::Public) => Audience::Public,
        _ => server,
    }
}

/// True if clients with the tokens of a server have different audiences.
pub fn has_both(server: Audience, serve: &Serve) -> bool {
    server == Audience::Analyst && serve.tokens.iter().any(|token| token.role == Role::Public)
}

/// The answer to a public reader of what shows or uses exact numbers.
pub fn for_analysts(what: &str, remedy: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, format!("{what}, which only analysts may see; {remedy}"))
}

/// Where public readers find what they may see.
pub fn released_at(site: &Site) -> String {
    format!("{} lists what was released", site.path("/views"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::server::tokens::Identity;

    #[test]
    fn server_that_others_reach_is_for_the_public_unless_it_is_said_otherwise() {
        use Audience::{Analyst, Public};
        let of = |is_loopback, audience, default| {
            let address = Address { sockets: Vec::new(), host: String::new(), is_loopback };
            let serve = Serve { audience, ..Serve::default() };
            of_server(&serve, &address, default).unwrap()
        };
        for (is_loopback, configured, default, expected) in [
            (true, None, Analyst, Analyst),
            (true, None, Public, Public),
            (true, Some(Public), Analyst, Public),
            (false, None, Analyst, Public),
            (false, Some(Analyst), Public, Analyst),
            (false, Some(Public), Analyst, Public),
        ] {
            assert_eq!(
                of(is_loopback, configured, default),
                expected,
                "{is_loopback} {configured:?}"
            );
        }
        let address = Address { sockets: Vec::new(), host: String::new(), is_loopback: false };
        let serve = Serve { allow_user_rows: true, ..Serve::default() };
        let error = of_server(&serve, &address, Analyst).unwrap_err();
        assert!(error.to_string().contains("serve.audience = \"analyst\""), "{error}");
    }

    #[test]
    fn no_token_gives_exact_numbers_on_a_server_for_the_public() {
        use Audience::{Analyst, Public};
        let caller = |role| Caller {
            address: [127, 0, 0, 1].into(),
            identity: Some(Identity { name: Arc::from("t"), role }),
        };
        for role in [Role::Public, Role::Aggregates, Role::UserRows] {
            assert_eq!(of_caller(Public, Some(&caller(role))), Public);
            let expected = if role == Role::Public { Public } else { Analyst };
            assert_eq!(of_caller(Analyst, Some(&caller(role))), expected);
        }
        assert_eq!((of_caller(Analyst, None), of_caller(Public, None)), (Analyst, Public));
    }
}
