//! A folder per test, and the program run inside it.

use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

use arrow::array::ArrayRef;

use super::{array, copy, root, write_parquet};

/// A folder for one test alone, removed when dropped.
pub struct Workspace {
    folder: tempfile::TempDir,
    /// Lines of the section `warehouse` of the config.
    warehouse: Mutex<String>,
}

/// Exit status and output of a process.
pub struct ProgramOutput {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Workspace {
    /// A workspace with copies of the mini inputs and a config that names them.
    pub fn mini() -> Workspace {
        let work = Workspace::empty();
        copy(&root().join("fixtures/mini"), &work.path("raw"));
        work.config("");
        work
    }

    /// The same after `run-all` with the embedded warehouse: a copy of a workspace that is made once.
    pub fn loaded() -> Workspace {
        static LOADED: OnceLock<Workspace> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            let work = Workspace { folder: folder_of_this_process(), ..Workspace::empty() };
            copy(&root().join("fixtures/mini"), &work.path("raw"));
            work.config("");
            work.ok(&["run-all"]);
            work
        });
        Workspace::copy_of(loaded)
    }

    /// An empty folder.
    pub fn empty() -> Workspace {
        let folder = tempfile::tempdir().unwrap();
        Workspace { folder, warehouse: Mutex::new("url = \"embedded:warehouse\"".to_owned()) }
    }

    /// A copy of the folder that keeps modification times and links.
    pub fn copy_of(other: &Workspace) -> Workspace {
        let work = Workspace {
            warehouse: Mutex::new(other.warehouse.lock().unwrap().clone()),
            ..Workspace::empty()
        };
        let from = other.path(".");
        let copied = Command::new("cp").arg("-a").arg(from).arg(work.path("")).status().unwrap();
        assert!(copied.success());
        work
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a key of the digests of users, for workspaces whose outputs are compared.
    pub fn fix_users_key(&self) {
        self.write("processed/users.key", "5a".repeat(32));
    }

    /// Writes `pipeline.toml`: `more`, then the sections that name inputs, outputs, warehouse and
    /// views. The folder of views is `views` of this workspace if it exists, else the shipped one without
    /// the views about people; there are no views but those in it.
    pub fn config(&self, more: &str) {
        let own = self.path("views");
        let views = if own.exists() { own } else { views_of_events().to_owned() };
        let text = format!(
            "{more}\n[data]\nevents = \"raw/events\"\ncells = \"raw/cells\"\nlau = \"raw/lau\"\n\
             processed = \"processed\"\n[warehouse]\n{}\n[views]\nbuiltin = false\ndir = \"{}\"\n",
            self.warehouse.lock().unwrap(),
            views.display()
        );
        self.write("pipeline.toml", &text);
    }

    /// Configures all shipped views, also those about people.
    pub fn add_views_about_people(&self) {
        let config = self.read("pipeline.toml");
        let all = root().join("sql/views").display().to_string();
        let with_all = config.replace(&views_of_events().display().to_string(), &all);
        assert_ne!(with_all, config);
        self.write("pipeline.toml", with_all);
    }

    /// Configures a PostGIS warehouse; `more` is appended to its section.
    pub fn postgis(&self, url: &str, schema: &str, more: &str) {
        *self.warehouse.lock().unwrap() = format!("url = \"{url}\"\nschema = \"{schema}\"\n{more}");
        self.config("");
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn read_bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The program, to be run in this folder with an empty environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mobility"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        command
    }

    /// Runs a command of the program under strace, with options that select system calls, expects status 0
    /// and returns the trace.
    pub fn traced(&self, options: &[&str], program: &Command) -> String {
        let trace = self.path("trace");
        let mut strace = Command::new("strace");
        strace.arg("-f").args(options).arg("-o").arg(&trace);
        strace.arg(program.get_program()).args(program.get_args());
        strace.current_dir(self.path("")).env_clear();
        strace.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = strace.output().expect("strace is installed by `make test`");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let text = String::from_utf8_lossy(&fs::read(&trace).unwrap()).into_owned();
        fs::remove_file(trace).unwrap();
        text
    }

    pub fn run(&self, args: &[&str]) -> ProgramOutput {
        ProgramOutput::of(self.command(args).output().unwrap())
    }

    /// Runs the program, expects status 0 and returns its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs the program and expects `status` and each of `words` on standard error.
    pub fn fails(&self, args: &[&str], status: i32, words: &[&str]) -> ProgramOutput {
        assert!(!words.is_empty(), "without words any error would pass");
        let ran = self.run(args);
        assert_eq!(ran.status, status, "{args:?}: {}{}", ran.stdout, ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{args:?}: no {word:?} in: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    /// Paths and content hashes of all files below `name`, sorted. The history of runs is left out,
    /// because every run appends to it.
    pub fn snapshot(&self, name: &str) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        collect_hashes(&self.path(name), &mut files);
        files.sort();
        files
    }

    /// Adds one event of a user at cell 400 on 2 October 2024 at noon, in a new file.
    pub fn add_late_event(&self, user: u8) {
        use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
        let noon = 1_727_870_400_000_000;
        self.write_events(
            &format!("year=2024/month=10/day=2/late-{user}.parquet"),
            vec![
                ("user_id", array(BinaryArray::from_vec(vec![&[user]]))),
                ("cell_id", array(Int64Array::from(vec![400]))),
                ("timestamp", array(TimestampMicrosecondArray::from(vec![noon]))),
            ],
        );
    }

    /// Overwrites the pages of a date's hourly presence but not the footers, so that reading any of
    /// its rows fails. As after a fault of the disk, the files seem unchanged.
    pub fn corrupt_pages(&self, date: &str) {
        let pattern = self.path(&format!("processed/compressed_events/date={date}/*.parquet"));
        let mut corrupted = 0;
        for path in glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap) {
            let mut bytes = fs::read(&path).unwrap();
            let footer = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap());
            let pages = bytes.len() - 8 - footer as usize;
            bytes[4..pages].fill(0xff);
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, bytes).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(modified).unwrap();
            corrupted += 1;
        }
        assert!(corrupted > 0, "no files of {date}");
    }

    /// Gives the warehouse the form in which an earlier version of the program kept it, with the files in the
    /// folder of the version, and with or without a list of them.
    pub fn make_warehouse_of_an_earlier_version(&self, listed: bool) {
        let current = self.read("warehouse/CURRENT");
        let version = current.split(' ').next().unwrap();
        let folder = format!("warehouse/{version}");
        let list = format!("{folder}/files.json");
        let files: serde_json::Value = serde_json::from_str(&self.read(&list)).unwrap();
        let mut names = serde_json::Map::new();
        for (name, mut file) in files.as_object().unwrap().clone() {
            let shared = name.strip_prefix("../tables/").unwrap();
            let (folder_of_date, file_name) = shared.rsplit_once('/').unwrap_or(("", shared));
            if file_name.starts_with("segments-") || file_name.starts_with("trips-") {
                // that version had no such tables
                self.remove(&format!("warehouse/tables/{shared}"));
                continue;
            }
            let short = format!("{}.parquet", file_name.split('.').next().unwrap());
            let name = match folder_of_date {
                "" => short,
                date => format!("mobile_events_compressed/{date}/{short}"),
            };
            let target = self.path(&format!("{folder}/{name}"));
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::rename(self.path(&format!("warehouse/tables/{shared}")), target).unwrap();
            file.as_object_mut().unwrap().remove("modified_ns");
            names.insert(name, file);
        }
        self.remove("warehouse/tables");
        self.remove("warehouse/results");
        let record = format!("{folder}/load.json");
        let mut loaded: serde_json::Value = serde_json::from_str(&self.read(&record)).unwrap();
        let names = serde_json::to_string(&names).unwrap();
        loaded["list"] = format!("{:08x}", crc32fast::hash(names.as_bytes())).into();
        self.write(&list, names);
        if !listed {
            assert!(loaded.as_object_mut().unwrap().remove("list").is_some());
            self.remove(&list);
        }
        // another version, another fingerprint
        loaded["fingerprint"] = "earlier".into();
        let loaded = loaded.to_string();
        let sum = crc32fast::hash(format!("{version}\n{loaded}").as_bytes());
        self.write(&record, loaded);
        self.write("warehouse/CURRENT", format!("{version} {sum:08x}\n"));
    }

    /// Writes an events file with the given columns.
    pub fn write_events(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let path = self.path("raw/events").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_parquet(&path, columns, 1 << 20);
    }

    /// Removes a file or folder if it exists.
    pub fn remove(&self, name: &str) {
        let path = self.path(name);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }

    /// Makes the built-in views available beside those of the configured folder.
    pub fn add_builtin_views(&self) {
        let config = self.read("pipeline.toml");
        let with_builtin = config.replace("[views]\nbuiltin = false\n", "[views]\n");
        assert_ne!(with_builtin, config);
        self.write("pipeline.toml", with_builtin);
    }

    /// Sets `views.snapshot_dates` in the config.
    pub fn set_snapshot_dates(&self, dates: &str) {
        let config = self.read("pipeline.toml");
        let views = format!("[views]\nsnapshot_dates = {dates}\n");
        self.write("pipeline.toml", config.replace("[views]\n", &views));
    }

    /// Copies the shipped views, but those about people, to the folder `views` and configures it.
    pub fn copy_shipped_views(&self) {
        copy(views_of_events(), &self.path("views"));
        self.config("");
    }

    /// Replaces the inputs by synthetic ones of two days, 300 cells and 8 units.
    pub fn replace_inputs_with_synthetic(&self, events_per_day: u32, seed: u32) {
        self.remove("raw");
        let [events, seed] = [events_per_day, seed].map(|n| n.to_string());
        self.synthesise(&[
            "--events", &events, "--days", "2", "--cells", "300", "--laus", "8", "--seed", &seed,
        ]);
    }

    /// A workspace with synthetic inputs of this size and a config that names them.
    pub fn synthetic(size: &[&str]) -> Workspace {
        let work = Workspace::empty();
        work.config("");
        work.synthesise(size);
        work
    }

    fn synthesise(&self, size: &[&str]) {
        self.ok(&[&["synth", "--out", "raw", "--quiet"], size].concat());
        fs::rename(self.path("raw/lau_boundaries"), self.path("raw/lau")).unwrap();
    }
}

impl ProgramOutput {
    pub fn of(output: Output) -> ProgramOutput {
        ProgramOutput {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Shipped views about people and their movement, which take longer than all others together. Only their own tests have them.
const ABOUT_PEOPLE: [&str; 28] = [
    "anchor_windows",
    "anchors",
    "calendar_windows",
    "clock_hours",
    "commuters",
    "commuters_estimate",
    "devices_per_date",
    "devices_per_night",
    "dwell_per_lau",
    "flow_balance",
    "night_anchors",
    "night_places",
    "od_pairs_per_day",
    "overnight_estimate",
    "overnight_stays",
    "population_weights",
    "present_by_home",
    "present_coverage",
    "present_estimate",
    "present_per_lau",
    "present_places",
    "pseudonym_breaks",
    "residents_per_lau",
    "trip_distances",
    "trips_od",
    "trips_per_device",
    "work_sites",
    "workday_sites",
];

/// A folder with the other shipped views.
fn views_of_events() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = folder_of_this_process();
        copy(&root().join("sql/views"), folder.path());
        for view in ABOUT_PEOPLE {
            fs::remove_file(folder.path().join(format!("{view}.sql"))).unwrap();
        }
        folder
    });
    folder.path()
}

/// A folder that may outlive the process, since nothing drops a static. The next process that needs
/// such a folder removes those of processes that have ended.
fn folder_of_this_process() -> tempfile::TempDir {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(parent).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("loaded-").and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("loaded-{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).unwrap()
}

fn collect_hashes(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_hashes(&path, files);
        } else if !path.ends_with("runs.jsonl") {
            let hash = foldhash::quality::FixedState::default().hash_one(fs::read(&path).unwrap());
            files.push((path, hash));
        }
    }
}
