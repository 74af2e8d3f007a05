//! Who sends a request.

use std::net::IpAddr;

use super::tokens::Identity;
use crate::config::Role;

/// Who sent the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address of the client, behind trusted proxies the forwarded one.
    pub address: IpAddr,
    /// `None` if the server has no tokens.
    pub identity: Option<Identity>,
}

impl Caller {
    /// True if the token, if there is one, has the role `user_rows`.
    pub fn has_user_rows_role(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.role == Role::UserRows)
    }
}
