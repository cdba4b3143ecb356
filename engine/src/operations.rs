//! Writes that come as JSON in Qdrant's REST form, payload indexes, and the way back: the engine's configuration as
//! Qdrant writes it.

use std::collections::HashMap;

use qdrant_edge::external::serde_json::{self, Map, Value, json};
use qdrant_edge::{
    CreateIndex, DeletePayloadOp, EdgeConfig, FieldIndexOperations, Filter, JsonPath, Payload,
    PayloadFieldSchema, PayloadOps, PointId, PointIdsList, PointOperations, PointVectorsPersisted,
    SetPayloadOp, SparseVector, UpdateOperation, UpdateVectorsOp, VectorOperations,
    VectorPersisted, VectorStructPersisted,
};

use crate::columns::{VectorKind, VectorSpec};
use crate::error::{Error, Kind, Result};
use crate::shard::Shard;

/// See `vecferry_engine_apply`.
pub fn apply(shard: &Shard, operation: &str) -> Result<()> {
    let operation: Value = parse(operation)?;
    let (name, body) = match operation
        .as_object()
        .map(|map| map.iter().collect::<Vec<_>>())
        .as_deref()
    {
        Some([(name, body)]) => (name.as_str(), *body),
        _ => {
            return Err(Error::usage(
                "an operation is an object with one key, its name",
            ));
        }
    };
    let operation = match name {
        "set_payload" => {
            UpdateOperation::PayloadOperation(PayloadOps::SetPayload(set_payload(body)?))
        }
        "overwrite_payload" => {
            UpdateOperation::PayloadOperation(PayloadOps::OverwritePayload(set_payload(body)?))
        }
        "delete_payload" => {
            let (points, filter) = selector(body)?;
            UpdateOperation::PayloadOperation(PayloadOps::DeletePayload(DeletePayloadOp {
                keys: field(body, "keys")?,
                points,
                filter,
            }))
        }
        "clear_payload" => UpdateOperation::PayloadOperation(match selector(body)? {
            (Some(points), _) => PayloadOps::ClearPayload { points },
            (None, filter) => PayloadOps::ClearPayloadByFilter(filter.unwrap_or_default()),
        }),
        "delete" => UpdateOperation::PointOperation(match selector(body)? {
            (Some(ids), _) => PointOperations::DeletePoints { ids },
            (None, filter) => PointOperations::DeletePointsByFilter(filter.unwrap_or_default()),
        }),
        "update_vectors" => {
            UpdateOperation::VectorOperation(VectorOperations::UpdateVectors(UpdateVectorsOp {
                points: vectors_of_points(shard, &body["points"])?,
                update_filter: optional(body, "update_filter")?,
            }))
        }
        "delete_vectors" => {
            let names: Vec<String> = field(body, "vector")?;
            UpdateOperation::VectorOperation(match selector(body)? {
                (Some(points), _) => {
                    VectorOperations::DeleteVectors(PointIdsList { points }, names)
                }
                (None, filter) => {
                    VectorOperations::DeleteVectorsByFilter(filter.unwrap_or_default(), names)
                }
            })
        }
        other => return Err(Error::usage(format!("there is no operation '{other}'"))),
    };
    shard.update(operation)
}

fn set_payload(body: &Value) -> Result<SetPayloadOp> {
    let (points, filter) = selector(body)?;
    Ok(SetPayloadOp {
        payload: field::<Payload>(body, "payload")?,
        points,
        filter,
        key: optional::<JsonPath>(body, "key")?,
    })
}

/// Which points an operation is for: a list of ids, or a filter.
fn selector(body: &Value) -> Result<(Option<Vec<PointId>>, Option<Filter>)> {
    if let Some(ids) = optional::<Vec<PointId>>(body, "points")? {
        return Ok((Some(ids), None));
    }
    match optional::<Filter>(body, "filter")? {
        Some(filter) => Ok((None, Some(filter))),
        None => Err(Error::usage("an operation needs 'points' or 'filter'")),
    }
}

fn vectors_of_points(shard: &Shard, points: &Value) -> Result<Vec<PointVectorsPersisted>> {
    let points = points
        .as_array()
        .ok_or_else(|| Error::usage("'points' is not a list"))?;
    points
        .iter()
        .map(|point| {
            let id: PointId = field(point, "id")?;
            let vectors = match &point["vector"] {
                Value::Object(map) => map.clone(),
                unnamed => Map::from_iter([(String::new(), unnamed.clone())]),
            };
            let named: Result<HashMap<String, VectorPersisted>> = vectors
                .iter()
                .map(|(name, value)| Ok((name.clone(), vector(spec_of(shard, name)?, value)?)))
                .collect();
            let vector = VectorStructPersisted::Named(
                named.map_err(|error| error.doing(&format!("point {id}")))?,
            );
            Ok(PointVectorsPersisted { id, vector })
        })
        .collect()
}

pub fn spec_of<'a>(shard: &'a Shard, name: &str) -> Result<&'a VectorSpec> {
    shard
        .specs()
        .iter()
        .find(|spec| spec.name == name)
        .ok_or_else(|| Error::incompatible(format!("Not existing vector name error: {name}")))
}

/// A vector in Qdrant's JSON form, checked against the shard's.
pub fn vector(spec: &VectorSpec, value: &Value) -> Result<VectorPersisted> {
    let bad = |error: serde_json::Error| Error::usage(format!("vector '{}': {error}", spec.name));
    let fits = |dim: usize, got: usize| {
        if dim == got {
            return Ok(());
        }
        Err(Error::incompatible(format!(
            "Vector dimension error: expected dim: {dim}, got {got}"
        )))
    };
    match spec.kind {
        VectorKind::Dense { dim, .. } => {
            let values: Vec<f32> = serde::Deserialize::deserialize(value).map_err(bad)?;
            fits(dim, values.len())?;
            Ok(VectorPersisted::Dense(values))
        }
        VectorKind::Multi { dim, .. } => {
            // A flat list is one inner vector, as on the server.
            let flat = value
                .as_array()
                .is_some_and(|rows| rows.first().is_some_and(Value::is_number));
            let rows: Vec<Vec<f32>> = if flat {
                vec![serde::Deserialize::deserialize(value).map_err(bad)?]
            } else {
                serde::Deserialize::deserialize(value).map_err(bad)?
            };
            if rows.is_empty() {
                return Err(Error::usage(format!(
                    "vector '{}': a multivector needs at least one vector",
                    spec.name
                )));
            }
            rows.iter().try_for_each(|row| fits(dim, row.len()))?;
            Ok(VectorPersisted::MultiDense(rows))
        }
        VectorKind::Sparse => {
            let sparse: SparseVector = serde::Deserialize::deserialize(value).map_err(bad)?;
            let mut pairs: Vec<(u32, f32)> = sparse
                .indices
                .iter()
                .copied()
                .zip(sparse.values.iter().copied())
                .collect();
            if pairs.len() != sparse.indices.len() || pairs.len() != sparse.values.len() {
                return Err(Error::usage(format!(
                    "vector '{}': as many values as indices are needed",
                    spec.name
                )));
            }
            pairs.sort_by_key(|pair| pair.0);
            if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err(Error::usage(format!(
                    "vector '{}': an index comes twice",
                    spec.name
                )));
            }
            let (indices, values) = pairs.into_iter().unzip();
            Ok(VectorPersisted::Sparse(SparseVector { indices, values }))
        }
    }
}

/// See `vecferry_engine_create_index`.
pub fn create_index_json(shard: &Shard, request: &str) -> Result<()> {
    let request: Value = parse(request)?;
    let name: String = field(&request, "field_name")?;
    create_index(shard, &name, &request["field_schema"])
}

/// `schema`: a type, an object with `type`, or an entry of a collection's info (`data_type`, `params`).
pub fn create_index(shard: &Shard, name: &str, schema: &Value) -> Result<()> {
    let what = format!("payload index '{name}'");
    let schema = match schema {
        Value::Object(map) if !map.contains_key("type") => match map.get("params") {
            Some(params) if !params.is_null() => params,
            _ => map.get("data_type").unwrap_or(schema),
        },
        other => other,
    };
    let field_schema: PayloadFieldSchema =
        serde::Deserialize::deserialize(schema).map_err(|error| {
            Error::new(
                Kind::Incompatible,
                format!("{what}: this engine does not take it: {error}"),
            )
        })?;
    let create = CreateIndex {
        field_name: path(name)?,
        field_schema: Some(field_schema),
    };
    shard
        .update(UpdateOperation::FieldIndexOperation(
            FieldIndexOperations::CreateIndex(create),
        ))
        .map_err(|error| error.doing(&what))
}

pub fn delete_index(shard: &Shard, name: &str) -> Result<()> {
    shard.update(UpdateOperation::FieldIndexOperation(
        FieldIndexOperations::DeleteIndex(path(name)?),
    ))
}

pub fn path(text: &str) -> Result<JsonPath> {
    text.parse()
        .map_err(|()| Error::usage(format!("Invalid json path: '{text}'")))
}

pub fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::usage(format!("not JSON: {error}")))
}

pub fn optional<T: for<'de> serde::Deserialize<'de>>(body: &Value, key: &str) -> Result<Option<T>> {
    match &body[key] {
        Value::Null => Ok(None),
        value => T::deserialize(value)
            .map(Some)
            .map_err(|error| Error::usage(format!("'{key}': {error}"))),
    }
}

fn field<T: for<'de> serde::Deserialize<'de>>(body: &Value, key: &str) -> Result<T> {
    optional(body, key)?.ok_or_else(|| Error::usage(format!("'{key}' is missing")))
}

/// What a collection's info calls `config`, as far as a shard knows it: all but how the collection is spread.
#[allow(deprecated)] // on_disk, on_disk_payload: servers up to 1.18 read nothing else
pub fn qdrant_config(config: &EdgeConfig) -> Result<Value> {
    let value = |value: std::result::Result<Value, serde_json::Error>| {
        value.map_err(|error| Error::internal(format!("the engine's configuration: {error}")))
    };
    let mut dense = Map::new();
    for (name, params) in &config.vectors {
        let mut params = value(serde_json::to_value(params))?;
        // The engine fills in what it derives from segments; it is the collection's unless it differs.
        let global = value(serde_json::to_value(config.hnsw_config()))?;
        if let Value::Object(params) = &mut params
            && params.get("hnsw_config") == Some(&global)
        {
            params.remove("hnsw_config");
        }
        dense.insert(name.clone(), params);
    }
    dense.sort_keys();
    let vectors = match dense.remove("") {
        Some(unnamed) if dense.is_empty() => unnamed,
        Some(unnamed) => {
            dense.insert(String::new(), unnamed);
            Value::Object(dense)
        }
        None => Value::Object(dense),
    };
    let mut params = json!({"vectors": vectors, "on_disk_payload": config.on_disk_payload()});
    if !config.sparse_vectors.is_empty() {
        let mut sparse = Map::new();
        for (name, vector) in &config.sparse_vectors {
            let mut index = Map::new();
            let settings = [
                (
                    "full_scan_threshold",
                    value(serde_json::to_value(vector.full_scan_threshold))?,
                ),
                ("on_disk", value(serde_json::to_value(vector.on_disk))?),
                ("datatype", value(serde_json::to_value(vector.datatype))?),
                ("memory", value(serde_json::to_value(vector.memory))?),
            ];
            for (key, setting) in settings {
                if !setting.is_null() {
                    index.insert(key.to_string(), setting);
                }
            }
            let mut vector_params = Map::new();
            if !index.is_empty() {
                vector_params.insert("index".to_string(), Value::Object(index));
            }
            if let Some(modifier) = vector.modifier {
                vector_params.insert(
                    "modifier".to_string(),
                    value(serde_json::to_value(modifier))?,
                );
            }
            sparse.insert(name.clone(), Value::Object(vector_params));
        }
        sparse.sort_keys();
        params["sparse_vectors"] = Value::Object(sparse);
    }
    Ok(json!({
        "params": params,
        "hnsw_config": value(serde_json::to_value(config.hnsw_config()))?,
        "optimizer_config": value(serde_json::to_value(config.optimizers()))?,
        "quantization_config": value(serde_json::to_value(&config.quantization_config))?,
    }))
}
