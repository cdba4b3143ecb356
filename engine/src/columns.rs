//! The points schema: which columns a shard's points have, and records of the engine written into them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBufferBuilder, FixedSizeBinaryBuilder, LargeStringBuilder, UInt64Builder,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float16Array, Float32Array, ListArray, StringArray,
    StructArray, UInt8Array, UInt32Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use half::f16;
use qdrant_edge::{
    EdgeConfig, EdgeVectorParams, PointId, Record, SparseVector, VectorInternal,
    VectorStorageDatatype, VectorStructInternal,
};

use crate::canonical;
use crate::error::{Error, Kind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    Float32,
    Float16,
    Uint8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorKind {
    Dense { dim: usize, element: Element },
    Multi { dim: usize, element: Element },
    Sparse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorSpec {
    /// Empty for the unnamed vector.
    pub name: String,
    pub kind: VectorKind,
}

impl VectorSpec {
    pub fn column(&self) -> String {
        if self.name.is_empty() {
            "vector".to_string()
        } else {
            format!("vector.{}", self.name)
        }
    }
}

/// The vectors of a shard in column order: by name, so the unnamed one comes first.
pub fn vector_specs(config: &EdgeConfig) -> Vec<VectorSpec> {
    let mut specs: Vec<VectorSpec> = config
        .vectors
        .iter()
        .map(|(name, params)| VectorSpec {
            name: name.clone(),
            kind: kind_of(params),
        })
        .chain(config.sparse_vectors.keys().map(|name| VectorSpec {
            name: name.clone(),
            kind: VectorKind::Sparse,
        }))
        .collect();
    specs.sort_by(|left, right| left.name.cmp(&right.name));
    specs
}

fn kind_of(params: &EdgeVectorParams) -> VectorKind {
    let element = match params.datatype {
        Some(VectorStorageDatatype::Float16) => Element::Float16,
        Some(VectorStorageDatatype::Uint8) => Element::Uint8,
        // The turbo types keep no originals; what they give back is float32.
        None
        | Some(
            VectorStorageDatatype::Float32
            | VectorStorageDatatype::Turbo4
            | VectorStorageDatatype::Turbo8
            | VectorStorageDatatype::Turbo16,
        ) => Element::Float32,
    };
    let dim = params.size;
    if params.multivector_config.is_some() {
        VectorKind::Multi { dim, element }
    } else {
        VectorKind::Dense { dim, element }
    }
}

/// Collects records and becomes one struct array in the points schema.
pub struct Encoder {
    ids: UInt64Builder,
    uuids: FixedSizeBinaryBuilder,
    vectors: Vec<(VectorSpec, VectorColumn)>,
    payloads: LargeStringBuilder,
    payload_text: Vec<u8>,
    rows: usize,
    size_bytes: usize,
}

impl Encoder {
    pub fn new(specs: &[VectorSpec], capacity: usize) -> Self {
        Self {
            ids: UInt64Builder::with_capacity(capacity),
            uuids: FixedSizeBinaryBuilder::with_capacity(capacity, 16),
            vectors: specs
                .iter()
                .map(|spec| (spec.clone(), VectorColumn::new(spec.kind, capacity)))
                .collect(),
            payloads: LargeStringBuilder::with_capacity(capacity, capacity * 64),
            payload_text: Vec::new(),
            rows: 0,
            size_bytes: 0,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes in the columns so far.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub fn push(&mut self, record: Record) -> Result<()> {
        match record.id {
            PointId::NumId(number) => {
                self.ids.append_value(number);
                self.uuids.append_null();
            }
            PointId::Uuid(uuid) => {
                self.ids.append_null();
                self.uuids.append_value(uuid.as_bytes()).map_err(arrow)?;
            }
        }
        self.size_bytes += 24;
        self.push_vectors(record.id, record.vector)?;
        match record.payload {
            Some(payload) if !payload.0.is_empty() => {
                self.payload_text.clear();
                canonical::write_object(&payload.0, &mut self.payload_text);
                let text = std::str::from_utf8(&self.payload_text).map_err(|error| {
                    Error::internal(format!("payload text is not UTF-8: {error}"))
                })?;
                self.size_bytes += text.len() + 8;
                self.payloads.append_value(text);
            }
            _ => self.payloads.append_null(),
        }
        self.rows += 1;
        Ok(())
    }

    fn push_vectors(&mut self, id: PointId, vector: Option<VectorStructInternal>) -> Result<()> {
        let mut named = match vector {
            None => HashMap::new(),
            Some(VectorStructInternal::Named(map)) => map,
            Some(VectorStructInternal::Single(values)) => {
                return self.push_unnamed(id, VectorInternal::Dense(values));
            }
            Some(VectorStructInternal::MultiDense(values)) => {
                return self.push_unnamed(id, VectorInternal::MultiDense(values));
            }
        };
        for (spec, column) in &mut self.vectors {
            self.size_bytes += column
                .push(named.remove(&spec.name))
                .map_err(|error| mismatch(id, spec, error))?;
        }
        Ok(())
    }

    fn push_unnamed(&mut self, id: PointId, vector: VectorInternal) -> Result<()> {
        let mut vector = Some(vector);
        for (spec, column) in &mut self.vectors {
            let value = if spec.name.is_empty() {
                vector.take()
            } else {
                None
            };
            self.size_bytes += column
                .push(value)
                .map_err(|error| mismatch(id, spec, error))?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<StructArray> {
        let mut fields: Vec<FieldRef> = Vec::with_capacity(4 + self.vectors.len());
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(4 + self.vectors.len());
        fields.push(Arc::new(Field::new("id", DataType::UInt64, true)));
        columns.push(Arc::new(self.ids.finish()));
        fields.push(extension(
            "uuid",
            DataType::FixedSizeBinary(16),
            "arrow.uuid",
        ));
        columns.push(Arc::new(self.uuids.finish()));
        fields.push(Arc::new(Field::new("shard_key", DataType::Utf8, true)));
        columns.push(Arc::new(StringArray::new_null(self.rows)));
        for (spec, column) in self.vectors {
            let array = column.finish().map_err(arrow)?;
            fields.push(Arc::new(Field::new(
                spec.column(),
                array.data_type().clone(),
                true,
            )));
            columns.push(array);
        }
        fields.push(extension("payload", DataType::LargeUtf8, "arrow.json"));
        columns.push(Arc::new(self.payloads.finish()));
        StructArray::try_new_with_length(Fields::from(fields), columns, None, self.rows)
            .map_err(arrow)
    }
}

fn extension(name: &str, data_type: DataType, extension: &str) -> FieldRef {
    let metadata = HashMap::from([("ARROW:extension:name".to_string(), extension.to_string())]);
    Arc::new(Field::new(name, data_type, true).with_metadata(metadata))
}

fn mismatch(id: PointId, spec: &VectorSpec, why: String) -> Error {
    Error::new(
        Kind::Corrupt,
        format!("point {id}, column '{}': {why}", spec.column()),
    )
}

fn arrow(error: ArrowError) -> Error {
    Error::internal(format!("arrow: {error}"))
}

/// One vector column while it grows. A missing vector takes its place with zeros (or nothing) and a cleared bit.
enum VectorColumn {
    Dense {
        dim: usize,
        values: Elements,
        valid: BooleanBufferBuilder,
    },
    Multi {
        dim: usize,
        values: Elements,
        offsets: Vec<i32>,
        valid: BooleanBufferBuilder,
    },
    Sparse {
        indices: Vec<u32>,
        values: Vec<f32>,
        offsets: Vec<i32>,
        valid: BooleanBufferBuilder,
    },
}

impl VectorColumn {
    fn new(kind: VectorKind, capacity: usize) -> Self {
        let valid = BooleanBufferBuilder::new(capacity);
        let offsets = || {
            let mut offsets = Vec::with_capacity(capacity + 1);
            offsets.push(0);
            offsets
        };
        match kind {
            VectorKind::Dense { dim, element } => Self::Dense {
                dim,
                values: Elements::new(element, capacity * dim),
                valid,
            },
            VectorKind::Multi { dim, element } => Self::Multi {
                dim,
                values: Elements::new(element, capacity * dim),
                offsets: offsets(),
                valid,
            },
            VectorKind::Sparse => Self::Sparse {
                indices: Vec::new(),
                values: Vec::new(),
                offsets: offsets(),
                valid,
            },
        }
    }

    /// Add one point's vector; the bytes it took.
    fn push(&mut self, vector: Option<VectorInternal>) -> std::result::Result<usize, String> {
        match (self, vector) {
            (Self::Dense { dim, values, valid }, vector) => {
                valid.append(vector.is_some());
                match vector {
                    None => values.extend_zeros(*dim),
                    Some(VectorInternal::Dense(vector)) if vector.len() == *dim => {
                        values.extend(&vector)
                    }
                    Some(other) => {
                        return Err(format!("expected {dim} numbers, got {}", describe(&other)));
                    }
                }
                Ok(*dim * values.width())
            }
            (
                Self::Multi {
                    dim,
                    values,
                    offsets,
                    valid,
                },
                vector,
            ) => {
                valid.append(vector.is_some());
                let count = match vector {
                    None => 0,
                    Some(VectorInternal::MultiDense(vector)) if vector.dim == *dim => {
                        values.extend(&vector.flattened_vectors);
                        vector.flattened_vectors.len() / *dim
                    }
                    Some(other) => {
                        return Err(format!(
                            "expected rows of {dim} numbers, got {}",
                            describe(&other)
                        ));
                    }
                };
                push_offset(offsets, count)?;
                Ok(count * *dim * values.width() + 4)
            }
            (
                Self::Sparse {
                    indices,
                    values,
                    offsets,
                    valid,
                },
                vector,
            ) => {
                valid.append(vector.is_some());
                let count = match vector {
                    None => 0,
                    Some(VectorInternal::Sparse(vector)) => {
                        let vector = sorted(vector);
                        indices.extend_from_slice(&vector.indices);
                        values.extend_from_slice(&vector.values);
                        vector.indices.len()
                    }
                    Some(other) => {
                        return Err(format!(
                            "expected a sparse vector, got {}",
                            describe(&other)
                        ));
                    }
                };
                push_offset(offsets, count)?;
                Ok(count * 8 + 8)
            }
        }
    }

    fn finish(self) -> std::result::Result<ArrayRef, ArrowError> {
        match self {
            Self::Dense { dim, values, valid } => fixed_lists(dim, values, nulls(valid)),
            Self::Multi {
                dim,
                values,
                offsets,
                valid,
            } => {
                let rows = fixed_lists(dim, values, None)?;
                lists(rows, offsets, nulls(valid))
            }
            Self::Sparse {
                indices,
                values,
                offsets,
                valid,
            } => {
                let nulls = nulls(valid);
                let indices = lists(
                    Arc::new(UInt32Array::from(indices)),
                    offsets.clone(),
                    nulls.clone(),
                )?;
                let values = lists(Arc::new(Float32Array::from(values)), offsets, nulls.clone())?;
                let fields = Fields::from(vec![
                    Field::new("indices", indices.data_type().clone(), true),
                    Field::new("values", values.data_type().clone(), true),
                ]);
                Ok(Arc::new(StructArray::try_new(
                    fields,
                    vec![indices, values],
                    nulls,
                )?))
            }
        }
    }
}

/// Qdrant keeps sparse vectors by ascending index; a snapshot of an old server might not.
fn sorted(vector: SparseVector) -> SparseVector {
    if vector.indices.is_sorted() {
        return vector;
    }
    let mut pairs: Vec<(u32, f32)> = vector.indices.into_iter().zip(vector.values).collect();
    pairs.sort_by_key(|pair| pair.0);
    let (indices, values) = pairs.into_iter().unzip();
    SparseVector { indices, values }
}

fn push_offset(offsets: &mut Vec<i32>, count: usize) -> std::result::Result<(), String> {
    let last = offsets.last().copied().unwrap_or_default();
    let next = i32::try_from(count)
        .ok()
        .and_then(|count| last.checked_add(count));
    offsets.push(next.ok_or("more than 2^31 elements in one batch")?);
    Ok(())
}

fn nulls(valid: BooleanBufferBuilder) -> Option<NullBuffer> {
    let mut valid = valid;
    Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0)
}

fn item(data_type: &DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type.clone(), true))
}

fn lists(
    values: ArrayRef,
    offsets: Vec<i32>,
    nulls: Option<NullBuffer>,
) -> std::result::Result<ArrayRef, ArrowError> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(
        item(values.data_type()),
        offsets,
        values,
        nulls,
    )?))
}

fn fixed_lists(
    dim: usize,
    values: Elements,
    nulls: Option<NullBuffer>,
) -> std::result::Result<ArrayRef, ArrowError> {
    let dim =
        i32::try_from(dim).map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
    let values = values.finish();
    let field = item(values.data_type());
    Ok(Arc::new(FixedSizeListArray::try_new(
        field, dim, values, nulls,
    )?))
}

fn describe(vector: &VectorInternal) -> String {
    match vector {
        VectorInternal::Dense(values) => format!("{} numbers", values.len()),
        VectorInternal::MultiDense(rows) => format!("rows of {} numbers", rows.dim),
        VectorInternal::Sparse(_) => "a sparse vector".to_string(),
    }
}

/// The numbers of a column in their stored type. The engine hands every type out as float32, widened without loss.
enum Elements {
    Float32(Vec<f32>),
    Float16(Vec<f16>),
    Uint8(Vec<u8>),
}

impl Elements {
    fn new(element: Element, capacity: usize) -> Self {
        match element {
            Element::Float32 => Self::Float32(Vec::with_capacity(capacity)),
            Element::Float16 => Self::Float16(Vec::with_capacity(capacity)),
            Element::Uint8 => Self::Uint8(Vec::with_capacity(capacity)),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Float32(_) => 4,
            Self::Float16(_) => 2,
            Self::Uint8(_) => 1,
        }
    }

    fn extend(&mut self, numbers: &[f32]) {
        match self {
            Self::Float32(values) => values.extend_from_slice(numbers),
            Self::Float16(values) => {
                values.extend(numbers.iter().map(|number| f16::from_f32(*number)))
            }
            // Whole numbers 0..=255 by construction; `as` saturates anything else, as the server does.
            Self::Uint8(values) => values.extend(numbers.iter().map(|number| *number as u8)),
        }
    }

    fn extend_zeros(&mut self, count: usize) {
        match self {
            Self::Float32(values) => values.resize(values.len() + count, 0.0),
            Self::Float16(values) => values.resize(values.len() + count, f16::ZERO),
            Self::Uint8(values) => values.resize(values.len() + count, 0),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Float32(values) => Arc::new(Float32Array::from(values)),
            Self::Float16(values) => Arc::new(Float16Array::from(values)),
            Self::Uint8(values) => Arc::new(UInt8Array::from(values)),
        }
    }
}
