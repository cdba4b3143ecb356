//! A collection's configuration, as vecferry and Qdrant write it, turned into the engine's.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use qdrant_edge::external::serde_json::{self, Map, Value};
use qdrant_edge::{
    Distance, EdgeConfig, EdgeOptimizersConfig, EdgeSparseVectorParams, EdgeVectorParams,
    HnswIndexConfig, Memory, Modifier, MultiVectorConfig, QuantizationConfig,
    VectorStorageDatatype,
};

use crate::error::{Error, Kind, Result};

/// Threads that search the segments of one shard; more would fight over two to four cores when lanes run beside.
const SEARCH_THREADS: usize = 2;

/// What a configuration document says, as far as a shard needs it. Keys that mean nothing to a shard are passed over:
/// the C++ side keeps the original document.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    pub edge: EdgeConfig,
    /// Payload indexes, path and schema, in the order of the document.
    pub payload_schema: Vec<(String, Value)>,
    /// Whether writes go through a log; None keeps what the shard has.
    pub wal: Option<bool>,
    /// Threads that an optimise may take, at most; None: as many as the engine likes.
    pub indexing_threads: Option<NonZeroUsize>,
}

impl ShardConfig {
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text)
            .map_err(|error| Error::usage(format!("the configuration is not JSON: {error}")))?;
        Self::from_value(&document)
    }

    /// For a shard that exists: without a "config" the stored one stays.
    pub fn parse_for_open(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text)
            .map_err(|error| Error::usage(format!("the configuration is not JSON: {error}")))?;
        if !document["config"].is_null() {
            return Self::from_value(&document);
        }
        Ok(Self {
            edge: EdgeConfig {
                max_search_threads: search_threads(&document["engine"])?,
                ..EdgeConfig::default()
            },
            payload_schema: Vec::new(),
            wal: optional(&document["engine"]["wal"], "engine.wal")?,
            indexing_threads: indexing_threads(&document["engine"])?,
        })
    }

    pub fn from_value(document: &Value) -> Result<Self> {
        let config = &document["config"];
        let params = &config["params"];
        if !params.is_object() {
            return Err(Error::usage("the configuration has no config.params"));
        }
        let engine = &document["engine"];
        let global_hnsw = match &config["hnsw_config"] {
            Value::Null => HnswIndexConfig::default(),
            diff => merged_hnsw(HnswIndexConfig::default(), diff, "config.hnsw_config")?,
        };

        let mut edge = EdgeConfig {
            vectors: dense_vectors(&params["vectors"], global_hnsw)?,
            sparse_vectors: sparse_vectors(&params["sparse_vectors"])?,
            hnsw_config: Some(global_hnsw),
            quantization_config: optional::<QuantizationConfig>(
                &config["quantization_config"],
                "config.quantization_config",
            )?,
            optimizers: Some(optimizers(&config["optimizer_config"])?),
            max_search_threads: search_threads(engine)?,
            ..EdgeConfig::default()
        };
        set_payload_placement(&mut edge, params)?;

        let payload_schema = match &document["payload_schema"] {
            Value::Null => Vec::new(),
            Value::Object(map) => map
                .iter()
                .map(|(path, schema)| (path.clone(), schema.clone()))
                .collect(),
            _ => return Err(Error::usage("payload_schema is not an object")),
        };
        Ok(Self {
            edge,
            payload_schema,
            wal: optional(&engine["wal"], "engine.wal")?,
            indexing_threads: indexing_threads(engine)?,
        })
    }
}

fn search_threads(engine: &Value) -> Result<Option<usize>> {
    let threads = optional(&engine["max_search_threads"], "engine.max_search_threads")?;
    Ok(Some(threads.unwrap_or(SEARCH_THREADS)))
}

/// Not the setting of this name in `hnsw_config`, which is the collection's and ends in its segments.
fn indexing_threads(engine: &Value) -> Result<Option<NonZeroUsize>> {
    optional(
        &engine["max_indexing_threads"],
        "engine.max_indexing_threads",
    )
}

#[allow(deprecated)] // on_disk_payload: what servers up to 1.18 write
fn set_payload_placement(edge: &mut EdgeConfig, params: &Value) -> Result<()> {
    edge.on_disk_payload = optional(&params["on_disk_payload"], "params.on_disk_payload")?;
    edge.payload_memory =
        optional::<Memory>(&params["payload"]["memory"], "params.payload.memory")?;
    Ok(())
}

/// The server's optimizer settings, but for `prevent_unoptimized`: it hides points until they are indexed, and a
/// scan must see all of them.
fn optimizers(value: &Value) -> Result<EdgeOptimizersConfig> {
    let mut config: EdgeOptimizersConfig =
        optional(value, "config.optimizer_config")?.unwrap_or_default();
    config.prevent_unoptimized = None;
    Ok(config)
}

fn dense_vectors(
    value: &Value,
    global_hnsw: HnswIndexConfig,
) -> Result<HashMap<String, EdgeVectorParams>> {
    let map = match value {
        Value::Null => return Ok(HashMap::new()),
        Value::Object(map) => map,
        _ => return Err(Error::usage("params.vectors is not an object")),
    };
    if map.get("size").is_some_and(Value::is_number) {
        return Ok(HashMap::from([(
            String::new(),
            dense_vector("vectors", map, global_hnsw)?,
        )]));
    }
    map.iter()
        .map(|(name, params)| {
            let what = format!("vectors.{name}");
            let params = params
                .as_object()
                .ok_or_else(|| Error::usage(format!("params.{what} is not an object")))?;
            Ok((name.clone(), dense_vector(&what, params, global_hnsw)?))
        })
        .collect()
}

#[allow(deprecated)] // on_disk: what servers up to 1.18 write
fn dense_vector(
    what: &str,
    params: &Map<String, Value>,
    global_hnsw: HnswIndexConfig,
) -> Result<EdgeVectorParams> {
    let get = |key: &str| params.get(key).unwrap_or(&Value::Null);
    let size: usize = required(get("size"), &format!("params.{what}.size"))?;
    if size == 0 || size > 65536 {
        return Err(Error::usage(format!(
            "params.{what}.size is {size}, not in 1..65536"
        )));
    }
    let hnsw_config = match get("hnsw_config") {
        Value::Null => None,
        diff => Some(merged_hnsw(
            global_hnsw,
            diff,
            &format!("params.{what}.hnsw_config"),
        )?),
    };
    Ok(EdgeVectorParams {
        size,
        distance: required::<Distance>(get("distance"), &format!("params.{what}.distance"))?,
        on_disk: optional(get("on_disk"), &format!("params.{what}.on_disk"))?,
        memory: optional::<Memory>(get("memory"), &format!("params.{what}.memory"))?,
        multivector_config: optional::<MultiVectorConfig>(
            get("multivector_config"),
            &format!("params.{what}.multivector_config"),
        )?,
        datatype: optional::<VectorStorageDatatype>(
            get("datatype"),
            &format!("params.{what}.datatype"),
        )?,
        quantization_config: optional(
            get("quantization_config"),
            &format!("params.{what}.quantization_config"),
        )?,
        hnsw_config,
    })
}

fn sparse_vectors(value: &Value) -> Result<HashMap<String, EdgeSparseVectorParams>> {
    let map = match value {
        Value::Null => return Ok(HashMap::new()),
        Value::Object(map) => map,
        _ => return Err(Error::usage("params.sparse_vectors is not an object")),
    };
    map.iter()
        .map(|(name, params)| Ok((name.clone(), sparse_vector(name, params)?)))
        .collect()
}

#[allow(deprecated)] // on_disk: what servers up to 1.18 write
fn sparse_vector(name: &str, params: &Value) -> Result<EdgeSparseVectorParams> {
    let what = format!("params.sparse_vectors.{name}");
    let index = &params["index"];
    Ok(EdgeSparseVectorParams {
        full_scan_threshold: optional(
            &index["full_scan_threshold"],
            &format!("{what}.index.full_scan_threshold"),
        )?,
        on_disk: optional(&index["on_disk"], &format!("{what}.index.on_disk"))?,
        memory: optional::<Memory>(&index["memory"], &format!("{what}.index.memory"))?,
        modifier: optional::<Modifier>(&params["modifier"], &format!("{what}.modifier"))?,
        datatype: optional::<VectorStorageDatatype>(
            &index["datatype"],
            &format!("{what}.index.datatype"),
        )?,
    })
}

/// `base` with the settings that `diff` gives; Qdrant's null means "not given".
fn merged_hnsw(base: HnswIndexConfig, diff: &Value, what: &str) -> Result<HnswIndexConfig> {
    let bad = |error: serde_json::Error| incompatible(what, &error);
    let Value::Object(diff) = diff else {
        return Err(Error::usage(format!("{what} is not an object")));
    };
    let mut merged = serde_json::to_value(base).map_err(bad)?;
    if let Value::Object(merged) = &mut merged {
        for (key, value) in diff.iter().filter(|(_, value)| !value.is_null()) {
            merged.insert(key.clone(), value.clone());
        }
    }
    serde_json::from_value(merged).map_err(bad)
}

fn optional<T: for<'de> serde::Deserialize<'de>>(value: &Value, what: &str) -> Result<Option<T>> {
    if value.is_null() {
        return Ok(None);
    }
    required(value, what).map(Some)
}

fn required<T: for<'de> serde::Deserialize<'de>>(value: &Value, what: &str) -> Result<T> {
    if value.is_null() {
        return Err(Error::usage(format!("{what} is missing")));
    }
    T::deserialize(value).map_err(|error| incompatible(what, &error))
}

/// A value that a newer server may know and this engine does not.
fn incompatible(what: &str, error: &serde_json::Error) -> Error {
    Error::new(
        Kind::Incompatible,
        format!("{what}: this engine does not take it: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_single_vector_and_defaults() {
        let config = ShardConfig::from_value(
            &json!({"config": {"params": {"vectors": {"size": 4, "distance": "Cosine"}}}}),
        )
        .unwrap();
        let vector = &config.edge.vectors[""];
        assert_eq!((vector.size, vector.distance), (4, Distance::Cosine));
        assert_eq!(config.edge.hnsw_config, Some(HnswIndexConfig::default()));
        assert_eq!(config.edge.max_search_threads, Some(SEARCH_THREADS));
        assert_eq!(config.wal, None);
    }

    #[test]
    fn every_setting_finds_its_place() {
        let config = ShardConfig::from_value(&json!({
            "format": "vecferry.collection", "version": 1, "aliases": ["x"],
            "config": {
                "params": {
                    "vectors": {
                        "size": {"size": 3, "distance": "Dot", "datatype": "float16", "on_disk": true,
                                 "hnsw_config": {"m": 32, "ef_construct": null},
                                 "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99}}},
                        "multi": {"size": 2, "distance": "Manhattan", "multivector_config": {"comparator": "max_sim"}},
                    },
                    "sparse_vectors": {"bm25": {"index": {"on_disk": true, "datatype": "float16"}, "modifier": "idf"}, "plain": {}},
                    "on_disk_payload": false, "shard_number": 2, "something_newer": 1,
                },
                "hnsw_config": {"m": 8, "ef_construct": 64, "full_scan_threshold": 10000, "max_indexing_threads": 1},
                "optimizer_config": {"indexing_threshold": 5, "flush_interval_sec": 5, "prevent_unoptimized": true},
                "quantization_config": {"binary": {}},
            },
            "payload_schema": {"a": "keyword", "b": {"type": "integer", "range": false}},
            "engine": {"wal": false, "max_search_threads": 1, "max_indexing_threads": 3},
        }))
        .unwrap();
        let edge = &config.edge;
        let named = &edge.vectors["size"];
        assert_eq!(named.datatype, Some(VectorStorageDatatype::Float16));
        let hnsw = named.hnsw_config.unwrap();
        assert_eq!((hnsw.m, hnsw.ef_construct), (32, 64)); // its own, else the collection's
        assert_eq!(edge.hnsw_config.unwrap().m, 8);
        assert!(matches!(
            named.quantization_config,
            Some(QuantizationConfig::Scalar(_))
        ));
        assert!(matches!(
            edge.quantization_config,
            Some(QuantizationConfig::Binary(_))
        ));
        assert!(edge.vectors["multi"].multivector_config.is_some());
        assert_eq!(edge.sparse_vectors["bm25"].modifier, Some(Modifier::Idf));
        assert_eq!(edge.sparse_vectors.len(), 2);
        assert!(!edge.on_disk_payload());
        let optimizers = edge.optimizers.clone().unwrap();
        assert_eq!(optimizers.indexing_threshold, Some(5));
        assert_eq!(optimizers.prevent_unoptimized, None);
        assert_eq!(edge.max_search_threads, Some(1));
        assert_eq!(config.wal, Some(false));
        assert_eq!(config.indexing_threads, NonZeroUsize::new(3));
        // The collection's own setting stays what it is.
        assert_eq!(edge.hnsw_config.unwrap().max_indexing_threads, 1);
        assert_eq!(config.payload_schema[1].0, "b");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |params: Value| {
            ShardConfig::from_value(&json!({"config": {"params": params}})).unwrap_err()
        };
        assert_eq!(ShardConfig::parse("{").unwrap_err().kind, Kind::Usage);
        let no_threads = ShardConfig::parse_for_open(r#"{"engine":{"max_indexing_threads":0}}"#);
        assert!(
            no_threads
                .unwrap_err()
                .message
                .starts_with("engine.max_indexing_threads: ")
        );
        assert_eq!(
            ShardConfig::parse("{}").unwrap_err().message,
            "the configuration has no config.params"
        );
        assert_eq!(
            error(json!({"vectors": {"a": {"distance": "Dot"}}})).message,
            "params.vectors.a.size is missing"
        );
        assert!(
            error(json!({"vectors": {"size": 0, "distance": "Dot"}}))
                .message
                .contains("not in 1..65536")
        );
        let newer = error(json!({"vectors": {"size": 2, "distance": "Hamming"}}));
        assert_eq!(newer.kind, Kind::Incompatible);
        assert!(
            newer.message.starts_with("params.vectors.distance: "),
            "{}",
            newer.message
        );
    }
}
