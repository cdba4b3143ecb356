//! Batches that come in: their rows as the engine's points and ids, checked before the engine sees them.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, FixedSizeBinaryArray, FixedSizeListArray, Float16Array, Float32Array, LargeStringArray,
    ListArray, StringArray, StructArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::DataType;
use qdrant_edge::external::serde_json::{Map, Value};
use qdrant_edge::{
    Payload, PointId, PointStructPersisted, SparseVector, VectorPersisted, VectorStructPersisted,
};
use uuid::Uuid;

use crate::columns::{Element, VectorKind, VectorSpec};
use crate::error::{Error, Result};

/// The ids of a batch with the columns `id` and `uuid`.
pub fn ids(batch: &StructArray) -> Result<Vec<PointId>> {
    let columns = IdColumns::find(batch)?;
    (0..batch.len()).map(|row| columns.id(row)).collect()
}

/// A batch in the points schema, row by row as the engine's points.
pub struct PointRows<'a> {
    rows: usize,
    ids: IdColumns<'a>,
    vectors: Vec<(&'a VectorSpec, VectorValues<'a>)>,
    payload: Option<Text<'a>>,
    /// The shard has nothing but the unnamed vector, for which the engine has a form without a map.
    unnamed_only: bool,
}

impl<'a> PointRows<'a> {
    /// Look the columns up; `specs` are the shard's vectors.
    pub fn find(batch: &'a StructArray, specs: &'a [VectorSpec]) -> Result<Self> {
        let mut vectors = Vec::new();
        let mut payload = None;
        for (name, column) in batch.column_names().into_iter().zip(batch.columns()) {
            match name {
                "id" | "uuid" => {}
                "shard_key" => {
                    if column.null_count() < column.len() {
                        return Err(Error::incompatible(
                            "a shard holds no shard keys: the column must be null",
                        ));
                    }
                }
                "payload" => payload = Some(Text::new(column)?),
                _ => {
                    let spec =
                        specs
                            .iter()
                            .find(|spec| spec.column() == name)
                            .ok_or_else(|| {
                                let known: Vec<String> =
                                    specs.iter().map(VectorSpec::column).collect();
                                Error::incompatible(format!(
                                    "the collection has no column '{name}' (it has: {})",
                                    known.join(", ")
                                ))
                            })?;
                    vectors.push((spec, VectorValues::new(spec, column)?));
                }
            }
        }
        Ok(Self {
            rows: batch.len(),
            ids: IdColumns::find(batch)?,
            vectors,
            payload,
            unnamed_only: specs.len() == 1 && specs.iter().all(|spec| spec.name.is_empty()),
        })
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn point(&self, row: usize) -> Result<PointStructPersisted> {
        let id = self.ids.id(row)?;
        let bad = |error: Error| error.doing(&format!("row {row} (point {id})"));
        let payload = match &self.payload {
            Some(texts) => parse_payload(texts.value(row)).map_err(bad)?,
            None => None,
        };
        let mut present = self.vectors.iter().filter_map(|(spec, values)| {
            let vector = values
                .value(row)
                .map_err(|error| error.doing(&format!("column '{}'", spec.column())));
            vector
                .transpose()
                .map(|vector| vector.map(|vector| (spec, vector)))
        });
        let vector = if self.unnamed_only {
            match present.next().transpose().map_err(bad)? {
                Some((_, VectorPersisted::Dense(values))) => VectorStructPersisted::Single(values),
                Some((_, VectorPersisted::MultiDense(rows))) => {
                    VectorStructPersisted::MultiDense(rows)
                }
                Some((spec, sparse @ VectorPersisted::Sparse(_))) => {
                    VectorStructPersisted::Named(HashMap::from([(spec.name.clone(), sparse)]))
                }
                None => VectorStructPersisted::Named(HashMap::new()),
            }
        } else {
            let named: Result<HashMap<_, _>> = present
                .map(|vector| vector.map(|(spec, vector)| (spec.name.clone(), vector)))
                .collect();
            VectorStructPersisted::Named(named.map_err(bad)?)
        };
        Ok(PointStructPersisted {
            id,
            vector,
            payload,
        })
    }
}

/// A payload's text; nothing, null and `{}` are one thing.
fn parse_payload(text: Option<&str>) -> Result<Option<Payload>> {
    let Some(text) = text else { return Ok(None) };
    let map: Option<Map<String, Value>> = serde_json::from_str(text)
        .map_err(|error| Error::usage(format!("the payload is not a JSON object: {error}")))?;
    Ok(map.filter(|map| !map.is_empty()).map(Payload))
}

struct IdColumns<'a> {
    numbers: &'a UInt64Array,
    uuids: &'a FixedSizeBinaryArray,
}

impl<'a> IdColumns<'a> {
    fn find(batch: &'a StructArray) -> Result<Self> {
        let numbers = batch
            .column_by_name("id")
            .and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let uuids = batch
            .column_by_name("uuid")
            .and_then(|column| column.as_fixed_size_binary_opt())
            .filter(|column| column.value_length() == 16);
        match (numbers, uuids) {
            (Some(numbers), Some(uuids)) => Ok(Self { numbers, uuids }),
            (None, _) => Err(Error::usage("the batch has no column 'id' of type uint64")),
            (_, None) => Err(Error::usage(
                "the batch has no column 'uuid' of type fixed_size_binary(16)",
            )),
        }
    }

    fn id(&self, row: usize) -> Result<PointId> {
        match (self.numbers.is_valid(row), self.uuids.is_valid(row)) {
            (true, false) => Ok(PointId::NumId(self.numbers.value(row))),
            (false, true) => Uuid::from_slice(self.uuids.value(row))
                .map(PointId::Uuid)
                .map_err(|error| Error::usage(format!("row {row}: {error}"))),
            (true, true) => Err(Error::usage(format!("row {row} has both an id and a uuid"))),
            (false, false) => Err(Error::usage(format!(
                "row {row} has neither an id nor a uuid"
            ))),
        }
    }
}

enum Text<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
}

impl<'a> Text<'a> {
    fn new(column: &'a dyn Array) -> Result<Self> {
        if let Some(column) = column.as_string_opt::<i64>() {
            Ok(Self::Large(column))
        } else if let Some(column) = column.as_string_opt::<i32>() {
            Ok(Self::Small(column))
        } else {
            Err(Error::usage(format!(
                "column 'payload' is {}, not large_utf8",
                column.data_type()
            )))
        }
    }

    fn value(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Small(column) => column.is_valid(row).then(|| column.value(row)),
            Self::Large(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }
}

/// One vector column that was checked against the shard's vector.
enum VectorValues<'a> {
    Dense(&'a FixedSizeListArray, Numbers<'a>),
    Multi(&'a ListArray, Numbers<'a>),
    Sparse {
        column: &'a StructArray,
        indices: (&'a ListArray, &'a UInt32Array),
        values: (&'a ListArray, &'a Float32Array),
    },
}

impl<'a> VectorValues<'a> {
    fn new(spec: &VectorSpec, column: &'a dyn Array) -> Result<Self> {
        let wrong = || {
            Error::incompatible(format!(
                "column '{}' is {}, but the vector is {}",
                spec.column(),
                column.data_type(),
                expected(spec.kind)
            ))
        };
        let found = match spec.kind {
            VectorKind::Dense { dim, element } => column
                .as_fixed_size_list_opt()
                .and_then(|lists| Some(Self::Dense(lists, Numbers::new(lists, dim, element)?))),
            VectorKind::Multi { dim, element } => column.as_list_opt::<i32>().and_then(|lists| {
                let rows = lists.values().as_fixed_size_list_opt()?;
                Some(Self::Multi(lists, Numbers::new(rows, dim, element)?))
            }),
            VectorKind::Sparse => column.as_struct_opt().and_then(|column| {
                let indices = column.column_by_name("indices")?.as_list_opt::<i32>()?;
                let values = column.column_by_name("values")?.as_list_opt::<i32>()?;
                Some(Self::Sparse {
                    column,
                    indices: (indices, indices.values().as_primitive_opt::<UInt32Type>()?),
                    values: (values, values.values().as_primitive_opt::<Float32Type>()?),
                })
            }),
        };
        found.ok_or_else(wrong)
    }

    fn value(&self, row: usize) -> Result<Option<VectorPersisted>> {
        match self {
            Self::Dense(lists, numbers) => Ok(lists
                .is_valid(row)
                .then(|| VectorPersisted::Dense(numbers.row(row)))),
            Self::Multi(lists, numbers) => {
                if lists.is_null(row) {
                    return Ok(None);
                }
                let rows: Vec<Vec<f32>> =
                    range(lists, row)?.map(|inner| numbers.row(inner)).collect();
                if rows.is_empty() {
                    return Err(Error::usage("a multivector needs at least one vector"));
                }
                Ok(Some(VectorPersisted::MultiDense(rows)))
            }
            Self::Sparse {
                column,
                indices,
                values,
            } => {
                if column.is_null(row) {
                    return Ok(None);
                }
                let indices = &indices.1.values()[range(indices.0, row)?];
                let values = &values.1.values()[range(values.0, row)?];
                if indices.len() != values.len() {
                    return Err(Error::usage(format!(
                        "{} indices but {} values",
                        indices.len(),
                        values.len()
                    )));
                }
                if !indices.is_sorted_by(|left, right| left < right) {
                    return Err(Error::usage("sparse indices must ascend, each once"));
                }
                Ok(Some(VectorPersisted::Sparse(SparseVector {
                    indices: indices.to_vec(),
                    values: values.to_vec(),
                })))
            }
        }
    }
}

fn expected(kind: VectorKind) -> String {
    match kind {
        VectorKind::Dense { dim, element } => format!("{element:?} with {dim} dimensions"),
        VectorKind::Multi { dim, element } => {
            format!("a multivector of {element:?} with {dim} dimensions")
        }
        VectorKind::Sparse => "sparse".to_string(),
    }
}

fn range(lists: &ListArray, row: usize) -> Result<std::ops::Range<usize>> {
    let offsets = lists.value_offsets();
    let bound = |offset: i32| {
        usize::try_from(offset).map_err(|_| Error::usage("a list offset is negative"))
    };
    Ok(bound(offsets[row])?..bound(offsets[row + 1])?)
}

/// The numbers below a fixed-size list, handed out as the float32 that the engine takes.
enum Numbers<'a> {
    Float32(&'a Float32Array, usize),
    Float16(&'a Float16Array, usize),
    Uint8(&'a UInt8Array, usize),
}

impl<'a> Numbers<'a> {
    fn new(lists: &'a FixedSizeListArray, dim: usize, element: Element) -> Option<Self> {
        if usize::try_from(lists.value_length()) != Ok(dim) {
            return None;
        }
        let values = lists.values();
        match (element, values.data_type()) {
            (Element::Float32, DataType::Float32) => {
                Some(Self::Float32(values.as_primitive::<Float32Type>(), dim))
            }
            (Element::Float16, DataType::Float16) => {
                Some(Self::Float16(values.as_primitive::<Float16Type>(), dim))
            }
            (Element::Uint8, DataType::UInt8) => {
                Some(Self::Uint8(values.as_primitive::<UInt8Type>(), dim))
            }
            _ => None,
        }
    }

    fn row(&self, row: usize) -> Vec<f32> {
        match self {
            Self::Float32(values, dim) => values.values()[row * dim..(row + 1) * dim].to_vec(),
            Self::Float16(values, dim) => values.values()[row * dim..(row + 1) * dim]
                .iter()
                .map(|value| value.to_f32())
                .collect(),
            Self::Uint8(values, dim) => values.values()[row * dim..(row + 1) * dim]
                .iter()
                .map(|value| f32::from(*value))
                .collect(),
        }
    }
}
