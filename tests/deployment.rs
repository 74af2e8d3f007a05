//! Rights in the files for deployment, and the scripts of a release.

use std::fs;
use std::process::Command;

use crate::harness::{ProgramOutput, Workspace, root};

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The lines that are indented below `heading`, up to the next line that is not.
fn block<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim_end() != heading);
    let first = lines.next().unwrap_or_else(|| panic!("no {heading:?}"));
    lines.take_while(|line| line.trim().is_empty() || indent(line) > indent(first)).collect()
}

#[test]
fn compose_and_kubernetes_run_serve_with_rights_to_read_only() {
    let compose = read("docker-compose.yml");
    let serve = block(&compose, "  serve:").join("\n");
    let volumes = block(&serve, "    volumes:");
    let volumes: Vec<&str> =
        volumes.iter().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    assert!(volumes.iter().any(|volume| volume.starts_with("data:")), "{volumes:?}");
    assert!(volumes.iter().all(|volume| volume.ends_with(":ro")), "{volumes:?}");
    assert!(serve.contains("DATABASE_URL: postgres://mobility_serve@"), "{serve}");
    assert!(!serve.contains("${POSTGIS_PASSWORD"), "{serve}");
    assert!(compose.contains("deploy/postgis/serve-role.sql:/docker-entrypoint-initdb.d/"));
    assert!(block(&compose, "x-mobility: &mobility").contains(&"  read_only: true"));

    let kubernetes = read("deploy/kubernetes/mobility.yaml");
    let documents: Vec<&str> = kubernetes.split("\n---\n").collect();
    let of_kind = |kind: &str| {
        let kind = format!("kind: {kind}");
        documents.iter().filter(|d| d.lines().any(|l| l == kind)).collect::<Vec<_>>()
    };
    let serve = of_kind("Deployment")[0];
    let mounts = block(serve, "          volumeMounts:");
    let mounts: Vec<&str> = mounts.into_iter().filter(|line| line.contains("mountPath")).collect();
    assert!(mounts.iter().any(|mount| mount.contains("/srv/mobility/data,")), "{mounts:?}");
    for mount in mounts.iter().filter(|mount| !mount.contains("mountPath: /tmp }")) {
        assert!(mount.contains("readOnly: true"), "{mount}");
    }
    let secrets = |text: &str, name: &str| text.matches(&format!("name: {name}, key:")).count();
    assert_eq!((secrets(serve, "mobility-serve"), secrets(serve, "mobility-run")), (3, 0));
    let run = of_kind("CronJob")[0];
    assert_eq!((secrets(run, "mobility-serve"), secrets(run, "mobility-run")), (0, 2));
    // run-all first, then the check of yesterday, whose failure is not repeated
    let first = block(run, "          initContainers:").join("\n");
    assert!(first.contains("args: [run-all,") && !first.contains("quality"), "{first}");
    let then = block(run, "          containers:").join("\n");
    let check = "exec mobility quality --date \"$(date -d yesterday +%F)\" --fail-on critical";
    assert!(then.contains(check), "{then}");
    assert!(run.contains("onExitCodes: { containerName: quality, operator: In, values: [1] }"));
    let policies = of_kind("NetworkPolicy");
    for component in ["serve", "run"] {
        let selector = format!("app.kubernetes.io/component: {component} }}");
        let policy = policies.iter().find(|policy| policy.contains(&selector)).unwrap();
        assert!(policy.contains("policyTypes: [Ingress, Egress]"), "{policy}");
    }

    let unit = read("deploy/systemd/mobility-serve.service");
    assert!(
        unit.contains("\nProtectSystem=strict\n") && !unit.contains("ReadWritePaths"),
        "{unit}"
    );
}

#[test]
fn secrets_of_the_package_belong_to_root_alone() {
    let cargo: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let assets = cargo["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    let mode = |target: &str| {
        let asset = assets.iter().find(|asset| asset[1].as_str() == Some(target)).unwrap();
        asset[2].as_str().unwrap().to_owned()
    };
    assert_eq!(mode("etc/mobility/environment"), "600");
    // an upgrade keeps the owner and mode of a configuration file
    let postinst = read("deploy/debian/postinst");
    assert!(postinst.contains("chown root:root /etc/mobility/environment"), "{postinst}");
    assert!(postinst.contains("chmod 0600 /etc/mobility/environment"), "{postinst}");
}

#[test]
fn only_the_last_job_of_a_release_may_write_to_the_repository() {
    let workflow = read(".github/workflows/release.yml");
    assert_eq!(workflow.matches("contents: write").count(), 1);
    let publish = block(&workflow, "  publish:").join("\n");
    assert!(publish.contains("contents: write"), "{publish}");
    assert!(publish.contains("needs: [wheel, deb, image]"), "{publish}");
    assert!(workflow.contains("\npermissions:\n  contents: read\n"), "{workflow}");
}

#[test]
fn release_needs_a_tag_of_the_version_and_takes_its_notes() {
    let version = |tag: &str| {
        let mut script = Command::new("sh");
        let script = script.arg(root().join("deploy/release/version.sh")).arg(tag);
        ProgramOutput::of(script.output().unwrap())
    };
    let own = version(concat!("v", env!("CARGO_PKG_VERSION")));
    assert_eq!(own.status, 0, "{}", own.stderr);
    // the text below the heading and nothing of other versions
    let changes = read("CHANGELOG.md");
    let heading = concat!("\n## ", env!("CARGO_PKG_VERSION"));
    let (_, below) = changes.split_once(heading).expect(heading);
    let (_, below) = below.split_once('\n').unwrap();
    let below = below.split("\n## ").next().unwrap();
    assert_eq!(own.stdout.trim(), below.trim());
    let other = version("v999.0.0");
    assert_eq!(other.status, 1);
    assert!(other.stderr.contains("does not fit version"), "{}", other.stderr);
}

/// PROJ looks for its database beside the program and in PROJ_DATA; Debian's package, or another one in a Python
/// environment, may have put that of another version there.
#[test]
fn database_of_another_proj_is_not_used() {
    let work = Workspace::mini();
    for folder in ["usr/bin", "usr/share/proj"] {
        fs::create_dir_all(work.path(folder)).unwrap();
    }
    work.write("usr/share/proj/proj.db", "of another version");
    let program = work.path("usr/bin/mobility");
    let built = env!("CARGO_BIN_EXE_mobility");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(|_| ())).unwrap();
    let geojoin = work.command(&["geojoin"]);
    for proj_data in [None, Some(work.path("usr/share/proj"))] {
        let mut command = Command::new(&program);
        command.args(geojoin.get_args()).arg("--force").current_dir(work.path("."));
        command.envs(proj_data.map(|folder| ("PROJ_DATA", folder)));
        let output = ProgramOutput::of(command.output().unwrap());
        assert!(output.status == 0, "{}", output.stderr);
        assert!(!output.stderr.contains("proj"), "{}", output.stderr);
    }
}
