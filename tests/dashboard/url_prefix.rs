//! The dashboard below a prefix of URLs.

use super::assert_dashboard_of_mini_data;
use super::page::{Page, Viewport};
use crate::harness::Workspace;
use crate::serve::url_prefix::Setting;

#[test]
#[ignore = "needs Chromium: run make test"]
fn dashboard_and_its_pages_work_below_a_prefix() {
    let work = Workspace::loaded();
    for setting in Setting::ALL {
        let (_server, proxy) = setting.start(&work);
        // without a slash at the end, relative links cannot work
        let ends: &[&str] = if setting.is_known() { &["/", ""] } else { &["/"] };
        for end in ends {
            let page = Page::open(&format!("{}{end}", proxy.url), Viewport::WIDE);
            assert_dashboard_of_mini_data(&page);
            page.screenshot(&format!("prefix-{}{}", setting.removes, end.len()));
            let path = |route: &str| format!("location.pathname === '/apps/mobility{route}'");
            page.click("nav a[href$='quality']");
            page.until(&format!("{} && document.querySelector('.tiles')", path("/quality")));
            page.click(".page-filter button");
            page.until("location.search.includes('from=') && document.querySelector('.tiles')");
            page.click("nav a[href$='docs']");
            page.until(&format!("{} && document.querySelector('.page-route a')", path("/docs")));
            let dead = page.eval(
                "Promise.all([...document.querySelectorAll('a, link')].map(a => fetch(a.href)\
                 .then(r => r.ok || r.status === 403 ? null : a.href))).then(all => all.filter(Boolean))",
            );
            assert_eq!(dead, serde_json::json!([]), "{setting:?}");
            page.click("a.brand");
            page.complete();
            page.until(&path("/"));
            // the rows of single users, which the page of the API links to, are refused
            let errors: Vec<_> =
                page.errors().into_iter().filter(|error| !error.contains("403")).collect();
            let refused = [
                "cells-per-user",
                "locations-per-user",
                "user-cell-dates",
                "mobile_events",
                "tables/segments",
                "tables/trips",
            ];
            let is_refused = |error: &String| refused.iter().any(|name| error.contains(name));
            assert!(errors.iter().all(is_refused), "{setting:?}: {errors:?}");
            for address in page.requests() {
                let own = address.starts_with(&proxy.url) || address.starts_with("data:");
                assert!(own, "{setting:?} asked {address}");
            }
            proxy.assert_nothing_misdirected();
        }
    }
}
