use std::fs::File;

use arrow::array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;

use super::*;

/// Settings of the writer.
#[derive(Debug, Clone)]
struct WriterSettings {
    dictionary: bool,
    /// With a low limit the writer changes to plain pages within a column.
    dictionary_bytes: usize,
    page_rows: usize,
    version_2: bool,
}

fn writer_settings() -> impl Strategy<Value = WriterSettings> {
    (any::<bool>(), 1usize..400, 1usize..50, any::<bool>()).prop_map(
        |(dictionary, dictionary_bytes, page_rows, version_2)| WriterSettings {
            dictionary,
            dictionary_bytes,
            page_rows,
            version_2,
        },
    )
}

fn write(ids: ArrayRef, settings: &WriterSettings) -> File {
    let file = tempfile::tempfile().unwrap();
    let version =
        if settings.version_2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_dictionary_enabled(settings.dictionary)
        .set_dictionary_page_size_limit(settings.dictionary_bytes)
        .set_data_page_row_count_limit(settings.page_rows)
        .set_write_batch_size(settings.page_rows)
        .build();
    let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// Reads `rows` at a time; a null is an empty id. `None` if the encoding is not supported.
fn read(file: &File, rows: usize) -> Option<Vec<Vec<u8>>> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file).unwrap();
    let mut pages =
        Pages::open(&ByteSource::Local(Arc::new(file.try_clone().unwrap())), &metadata, 0, 0)
            .unwrap()?;
    let (mut dictionary, mut ids) = (Vec::new(), Vec::new());
    while let Some(part) = pages.next(rows).unwrap() {
        match part {
            PagePart::Dictionary { page, values } => {
                dictionary = values.iter().map(|id| id.of(page).to_vec()).collect();
            }
            PagePart::Indices(indices) => ids.extend(indices.iter().map(|n| match *n {
                NULL_INDEX => Vec::new(),
                n => dictionary[n as usize].clone(),
            })),
            PagePart::Values(values) => ids.extend(values.iter().map(<[u8]>::to_vec)),
        }
    }
    Some(ids)
}

proptest! {
    #[test]
    fn ids_are_read_as_they_were_stored(
        ids in prop::collection::vec(prop::option::weighted(0.9, "[a-e]{1,3}"), 1..300),
        settings in writer_settings(),
        rows in 1usize..70,
    ) {
        let array = BinaryArray::from_iter(ids.iter().map(|i| i.as_ref().map(String::as_bytes)));
        let file = write(Arc::new(array), &settings);
        // version 2 writes plain ids in an encoding that is not supported here
        if let Some(found) = read(&file, rows) {
            let expected: Vec<Vec<u8>> =
                ids.into_iter().map(|i| i.unwrap_or_default().into_bytes()).collect();
            prop_assert_eq!(found, expected);
        } else {
            prop_assert!(settings.version_2);
        }
    }

    #[test]
    fn ids_of_fixed_length_are_read_as_they_were_stored(
        numbers in prop::collection::vec(prop::option::weighted(0.9, 0u32..40), 1..300),
        settings in writer_settings(),
        rows in 1usize..70,
    ) {
        let bytes = numbers.iter().map(|n| n.map(u32::to_be_bytes));
        let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 4).unwrap();
        if let Some(found) = read(&write(Arc::new(array), &settings), rows) {
            let expected: Vec<Vec<u8>> = numbers
                .iter()
                .map(|n| n.map(|n| n.to_be_bytes().to_vec()).unwrap_or_default())
                .collect();
            prop_assert_eq!(found, expected);
        } else {
            prop_assert!(settings.version_2);
        }
    }
}

#[test]
fn plain_and_dictionary_pages_of_both_versions_are_read() {
    let ids: Vec<Option<Vec<u8>>> = (0..500u32).map(|i| Some(i.to_be_bytes().to_vec())).collect();
    let array: ArrayRef = Arc::new(BinaryArray::from_iter(ids.clone()));
    for version_2 in [false, true] {
        let settings = WriterSettings {
            dictionary: true,
            dictionary_bytes: 1 << 20,
            page_rows: 33,
            version_2,
        };
        assert_eq!(read(&write(Arc::clone(&array), &settings), 50).unwrap().len(), 500);
    }
    let settings =
        WriterSettings { dictionary: false, dictionary_bytes: 1, page_rows: 33, version_2: false };
    assert_eq!(read(&write(array, &settings), 50).unwrap().len(), 500);
}
