//! A work folder per test, with the fixtures as inputs, and the program run inside it.

use std::cell::RefCell;
use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::test_runner::{Config as ProptestConfig, RngSeed};

/// The folder of the sources.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An expected answer.
pub fn expected(view: &str) -> String {
    let path = root().join("fixtures/expected").join(format!("{view}.csv"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs a script that starts and stops servers; gives what it prints.
pub fn script(name: &str, args: &[&str]) -> String {
    let output = Command::new("sh").arg(root().join(name)).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{name} {args:?}: {}\n`make test` installs what it needs",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder of its own for one test, removed at the end.
pub struct Workspace {
    folder: tempfile::TempDir,
    /// Lines of the section `warehouse`.
    warehouse: RefCell<String>,
}

/// What a run printed, and its status.
pub struct ProgramOutput {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Workspace {
    /// Copies of the mini inputs, and a config that names them.
    pub fn mini() -> Workspace {
        let work = Workspace::empty();
        copy(&root().join("fixtures/mini"), &work.path("raw"));
        work.config("");
        work
    }

    /// Nothing but a folder.
    pub fn empty() -> Workspace {
        let folder = tempfile::tempdir().unwrap();
        Workspace { folder, warehouse: RefCell::new("url = \"embedded:warehouse\"".to_owned()) }
    }

    /// A copy of the folder, times and links of the files included.
    pub fn copy_of(other: &Workspace) -> Workspace {
        let work = Workspace { warehouse: other.warehouse.clone(), ..Workspace::empty() };
        let from = other.path(".");
        let copied = Command::new("cp").arg("-a").arg(from).arg(work.path("")).status().unwrap();
        assert!(copied.success());
        work
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `pipeline.toml`: `more`, then the mini inputs. Views come from a folder `views` of
    /// the test's own, where it made one.
    pub fn config(&self, more: &str) {
        let views = root().join("sql/views");
        let own = self.path("views");
        let views = if own.exists() { own } else { views };
        let text = format!(
            "{more}\n[data]\nevents = \"raw/events\"\ncells = \"raw/cells\"\nlau = \"raw/lau\"\n\
             processed = \"processed\"\n[warehouse]\n{}\n[views]\ndir = \"{}\"\n",
            self.warehouse.borrow(),
            views.display()
        );
        self.write("pipeline.toml", &text);
    }

    /// From now on the config names a PostGIS warehouse; `more` are further lines of its section.
    pub fn postgis(&self, url: &str, schema: &str, more: &str) {
        *self.warehouse.borrow_mut() = format!("url = \"{url}\"\nschema = \"{schema}\"\n{more}");
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

    /// The program, in this folder, with a clean environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mobility"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        command
    }

    pub fn run(&self, args: &[&str]) -> ProgramOutput {
        ProgramOutput::of(self.command(args).output().unwrap())
    }

    /// Runs and expects status 0; gives standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs and expects `status` and every one of `words` in the message.
    pub fn fails(&self, args: &[&str], status: i32, words: &[&str]) -> ProgramOutput {
        let ran = self.run(args);
        assert_eq!(ran.status, status, "{args:?}: {}{}", ran.stdout, ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{args:?}: no {word:?} in: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    /// All files below `name` with a hash of their bytes, by path; without the record of runs,
    /// to which every run adds.
    pub fn snapshot(&self, name: &str) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        collect(&self.path(name), &mut files);
        files.sort();
        files
    }

    /// Adds one event of a new user at cell 400, on 2 October at noon.
    pub fn late_event(&self, user: u8) {
        use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
        let noon = 1_727_870_400_000_000;
        self.events(
            &format!("year=2024/month=10/day=2/late-{user}.parquet"),
            vec![
                ("user_id", array(BinaryArray::from_vec(vec![&[user]]))),
                ("cell_id", array(Int64Array::from(vec![400]))),
                ("timestamp", array(TimestampMicrosecondArray::from(vec![noon]))),
            ],
        );
    }

    /// Overwrites the pages of a date's hourly presence, and leaves the footers: whoever reads a row
    /// of it gets an error.
    pub fn spoil_pages(&self, date: &str) {
        let pattern = self.path(&format!("processed/compressed_events/date={date}/*.parquet"));
        let mut spoilt = 0;
        for path in glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap) {
            let mut bytes = fs::read(&path).unwrap();
            let footer = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap());
            let pages = bytes.len() - 8 - footer as usize;
            bytes[4..pages].fill(0xff);
            fs::write(&path, bytes).unwrap();
            spoilt += 1;
        }
        assert!(spoilt > 0, "no files of {date}");
    }

    /// Replaces the events by one file of the given columns.
    pub fn events(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let path = self.path("raw/events").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_parquet(&path, columns, 1 << 20);
    }

    pub fn remove(&self, name: &str) {
        let path = self.path(name);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
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

/// All rows of a Parquet or Arrow file, shown with their types.
pub fn rows_of(path: &Path) -> String {
    let file = fs::File::open(path).unwrap();
    let batches: Vec<RecordBatch> = if path.extension().is_some_and(|e| e == "arrow") {
        let reader = arrow::ipc::reader::FileReader::try_new(file, None).unwrap();
        reader.map(Result::unwrap).collect()
    } else {
        let builder =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        builder.build().unwrap().map(Result::unwrap).collect()
    };
    let all = batches.first().map(|b| arrow::compute::concat_batches(b.schema_ref(), &batches));
    format!("{:?}", all.map(Result::unwrap))
}

/// Writes one Parquet file.
pub fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>, row_group: usize) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The mini events as (user, cell, microseconds).
pub fn mini_events() -> Vec<(Vec<u8>, i64, i64)> {
    let text = fs::read_to_string(root().join("fixtures/mini/events.csv")).unwrap();
    let event = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let user = (0..fields[0].len()).step_by(2);
        let user = user.map(|i| u8::from_str_radix(&fields[0][i..i + 2], 16).unwrap()).collect();
        let time = chrono::NaiveDateTime::parse_from_str(fields[2], "%Y-%m-%d %H:%M:%S").unwrap();
        (user, fields[1].parse().unwrap(), time.and_utc().timestamp_micros())
    };
    text.lines().skip(1).map(event).collect()
}

/// Configuration of a property test whose cases take long: it runs one `divisor`-th of the usual
/// number of cases, which `PROPTEST_CASES` sets.
pub fn fraction_of_cases(divisor: u32) -> ProptestConfig {
    ProptestConfig::with_cases((ProptestConfig::default().cases / divisor).max(1))
}

#[test]
fn property_tests_have_a_seed_with_which_they_can_be_repeated() {
    // `.cargo/config.toml` sets it; without a seed a failure would depend on chance
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("run the tests with `cargo test`");
    assert_eq!(ProptestConfig::default().rng_seed, RngSeed::Fixed(seed.parse().unwrap()));
}

pub fn array<T: arrow::array::Array + 'static>(array: T) -> ArrayRef {
    Arc::new(array)
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if !path.ends_with("runs.jsonl") {
            let hash = foldhash::quality::FixedState::default().hash_one(fs::read(&path).unwrap());
            files.push((path, hash));
        }
    }
}
