//! Query, count and facet: requests in Qdrant's REST form into the engine's, and answers back as JSON.
//!
//! Taken: nearest (a vector, an id, with MMR), recommend, discover, context, order_by, fusion (rrf, dbsf), rrf with its
//! parameters, sample, prefetch at any depth, no query at all. Formula, text and relevance feedback queries are
//! refused.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::serde_json::{self, Map, Value, json};
use qdrant_edge::{
    ContextPair, ContextQuery, CountRequest, DiscoverQuery, FacetRequest, FacetValue, Filter,
    Fusion, Mmr, NamedQuery, OrderByInterface, PointId, Prefetch, QueryEnum, QueryRequest,
    RecommendQuery, RetrieveRequest, Sample, ScoredPoint, ScoringQuery, SearchParams, SparseVector,
    TypedMultiDenseVector, VectorInternal, VectorPersisted, VectorRef, VectorStructInternal,
    WithPayloadInterface, WithVector, avg_vector_for_recommendation,
};

use crate::canonical;
use crate::error::{Error, Kind, Result};
use crate::operations::{optional, parse, path, spec_of, vector};
use crate::shard::Shard;

const DEFAULT_LIMIT: usize = 10;

/// See `vecferry_engine_query`.
pub fn query(shard: &Shard, request: &str) -> Result<String> {
    let body = parse(request)?;
    let mut excluded = Vec::new();
    let using: String = optional(&body, "using")?.unwrap_or_default();
    let request = QueryRequest {
        prefetches: prefetches(shard, &body["prefetch"])?,
        query: scoring(shard, &body["query"], &using, &mut excluded)?,
        filter: without(optional(&body, "filter")?, excluded)?,
        score_threshold: optional(&body, "score_threshold")?,
        limit: optional(&body, "limit")?.unwrap_or(DEFAULT_LIMIT),
        offset: optional(&body, "offset")?.unwrap_or_default(),
        params: optional::<SearchParams>(&body, "params")?,
        with_vector: optional::<WithVector>(&body, "with_vector")?
            .or(optional(&body, "with_vectors")?)
            .unwrap_or(WithVector::Bool(false)),
        with_payload: optional(&body, "with_payload")?.unwrap_or(WithPayloadInterface::Bool(false)),
    };
    let mut out = b"{\"points\":[".to_vec();
    for (index, point) in shard.edge().query(request)?.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_scored(point, &mut out)?;
    }
    out.extend_from_slice(b"]}");
    String::from_utf8(out)
        .map_err(|error| Error::internal(format!("the answer is not UTF-8: {error}")))
}

/// See `vecferry_engine_count`.
pub fn count(shard: &Shard, request: &str) -> Result<usize> {
    let body = parse(request)?;
    Ok(shard.edge().count(CountRequest {
        filter: optional(&body, "filter")?,
        exact: optional(&body, "exact")?.unwrap_or(true),
    })?)
}

/// See `vecferry_engine_facet`.
pub fn facet(shard: &Shard, request: &str) -> Result<String> {
    let body = parse(request)?;
    let key: String = optional(&body, "key")?.ok_or_else(|| Error::usage("'key' is missing"))?;
    let mut request = FacetRequest::new(path(&key)?);
    request.limit = optional(&body, "limit")?.unwrap_or(DEFAULT_LIMIT);
    request.filter = optional(&body, "filter")?;
    request.exact = optional(&body, "exact")?.unwrap_or(false);
    let hits: Vec<Value> = shard
        .edge()
        .facet(request)?
        .hits
        .into_iter()
        .map(|hit| {
            let value = match hit.value {
                FacetValue::Keyword(text) => Value::String(text),
                FacetValue::Int(number) => Value::from(number),
                FacetValue::Uuid(number) => {
                    Value::String(uuid::Uuid::from_u128(number).to_string())
                }
                FacetValue::Bool(value) => Value::Bool(value),
            };
            json!({"value": value, "count": hit.count})
        })
        .collect();
    Ok(json!({ "hits": hits }).to_string())
}

fn prefetches(shard: &Shard, value: &Value) -> Result<Vec<Prefetch>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(|body| prefetch(shard, body)).collect(),
        body => Ok(vec![prefetch(shard, body)?]),
    }
}

fn prefetch(shard: &Shard, body: &Value) -> Result<Prefetch> {
    let mut excluded = Vec::new();
    let using: String = optional(body, "using")?.unwrap_or_default();
    Ok(Prefetch {
        prefetches: prefetches(shard, &body["prefetch"])?,
        query: scoring(shard, &body["query"], &using, &mut excluded)?,
        limit: optional(body, "limit")?.unwrap_or(DEFAULT_LIMIT),
        params: optional(body, "params")?,
        filter: without(optional(body, "filter")?, excluded)?,
        score_threshold: optional(body, "score_threshold")?,
    })
}

/// The points that a query names as examples are not among its answers.
fn without(filter: Option<Filter>, excluded: Vec<PointId>) -> Result<Option<Filter>> {
    if excluded.is_empty() {
        return Ok(filter);
    }
    let condition = json!({"must_not": [{"has_id": excluded}]});
    let not_them: Filter = serde::Deserialize::deserialize(&condition)
        .map_err(|error| Error::internal(format!("a filter of ids: {error}")))?;
    Ok(Filter::merge_opts(filter, Some(not_them)))
}

fn scoring(
    shard: &Shard,
    query: &Value,
    using: &str,
    excluded: &mut Vec<PointId>,
) -> Result<Option<ScoringQuery>> {
    let Value::Object(map) = query else {
        return match query {
            Value::Null => Ok(None),
            example => Ok(Some(nearest(named(
                input(shard, using, example, excluded)?,
                using,
            )))),
        };
    };
    if map.contains_key("indices") {
        return Ok(Some(nearest(named(
            input(shard, using, query, excluded)?,
            using,
        ))));
    }
    let mut example = |value: &Value| input(shard, using, value, excluded);
    let scoring = if let Some(value) = map.get("nearest") {
        let vector = example(value)?;
        match map.get("mmr") {
            None | Some(Value::Null) => nearest(named(vector, using)),
            Some(mmr) => {
                let diversity: f32 = optional(mmr, "diversity")?.unwrap_or(0.5);
                ScoringQuery::Mmr(Mmr {
                    vector,
                    using: using.to_string(),
                    lambda: OrderedFloat(1.0 - diversity),
                    candidates_limit: optional(mmr, "candidates_limit")?.unwrap_or(100),
                })
            }
        }
    } else if let Some(body) = map.get("recommend") {
        let mut examples = |key: &str| -> Result<Vec<VectorInternal>> {
            let list = body[key].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().map(&mut example).collect()
        };
        recommend(
            examples("positive")?,
            examples("negative")?,
            &body["strategy"],
            using,
        )?
    } else if let Some(body) = map.get("discover") {
        let target = example(&body["target"])?;
        let pairs = pairs(&body["context"], &mut example)?;
        ScoringQuery::Vector(QueryEnum::Discover(named(
            DiscoverQuery { target, pairs },
            using,
        )))
    } else if let Some(context) = map.get("context") {
        let pairs = pairs(context, &mut example)?;
        ScoringQuery::Vector(QueryEnum::Context(named(ContextQuery { pairs }, using)))
    } else if map.contains_key("order_by") {
        let order: OrderByInterface =
            optional(query, "order_by")?.ok_or_else(|| Error::usage("'order_by' is null"))?;
        ScoringQuery::OrderBy(order.into())
    } else if let Some(fusion) = map.get("fusion") {
        ScoringQuery::Fusion(match fusion.as_str() {
            Some("rrf") => Fusion::Rrf {
                k: RRF_K,
                weights: None,
            },
            Some("dbsf") => Fusion::Dbsf,
            _ => return Err(Error::usage(format!("there is no fusion {fusion}"))),
        })
    } else if let Some(rrf) = map.get("rrf") {
        let weights: Option<Vec<f32>> = optional(rrf, "weights")?;
        ScoringQuery::Fusion(Fusion::Rrf {
            k: optional(rrf, "k")?.unwrap_or(RRF_K),
            weights: weights.map(|weights| weights.into_iter().map(OrderedFloat).collect()),
        })
    } else if map.get("sample").and_then(Value::as_str) == Some("random") {
        ScoringQuery::Sample(Sample::Random)
    } else {
        let keys: Vec<&str> = map.keys().map(String::as_str).collect();
        return Err(Error::incompatible(format!(
            "this engine does not take a query of '{}'",
            keys.join("', '")
        )));
    };
    Ok(Some(scoring))
}

/// What the server takes when the request does not say.
const RRF_K: usize = 2;

fn nearest(query: NamedQuery<VectorInternal>) -> ScoringQuery {
    ScoringQuery::Vector(QueryEnum::Nearest(query))
}

fn named<T>(query: T, using: &str) -> NamedQuery<T> {
    NamedQuery {
        query,
        using: Some(using.to_string()),
    }
}

fn recommend(
    positives: Vec<VectorInternal>,
    negatives: Vec<VectorInternal>,
    strategy: &Value,
    using: &str,
) -> Result<ScoringQuery> {
    let query = match strategy.as_str() {
        None | Some("average_vector") => {
            if positives.is_empty() {
                return Err(Error::usage(
                    "at least one positive example is needed with the strategy average_vector",
                ));
            }
            let negatives = negatives.iter().map(VectorRef::from).peekable();
            let average =
                avg_vector_for_recommendation(positives.iter().map(VectorRef::from), negatives)?;
            return Ok(nearest(named(average, using)));
        }
        Some("best_score") => QueryEnum::RecommendBestScore,
        Some("sum_scores") => QueryEnum::RecommendSumScores,
        Some(other) => {
            return Err(Error::usage(format!(
                "there is no recommend strategy '{other}'"
            )));
        }
    };
    Ok(ScoringQuery::Vector(query(named(
        RecommendQuery {
            positives,
            negatives,
        },
        using,
    ))))
}

fn pairs(
    value: &Value,
    example: &mut impl FnMut(&Value) -> Result<VectorInternal>,
) -> Result<Vec<ContextPair<VectorInternal>>> {
    let list = match value {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter()
        .map(|pair| {
            Ok(ContextPair {
                positive: example(&pair["positive"])?,
                negative: example(&pair["negative"])?,
            })
        })
        .collect()
}

/// An example: a vector, or the id of a point whose vector it is.
fn input(
    shard: &Shard,
    using: &str,
    value: &Value,
    excluded: &mut Vec<PointId>,
) -> Result<VectorInternal> {
    let spec = spec_of(shard, using)?;
    if !(value.is_u64() || value.is_string()) {
        return match vector(spec, value)? {
            VectorPersisted::Dense(values) => Ok(VectorInternal::Dense(values)),
            VectorPersisted::Sparse(sparse) => Ok(VectorInternal::Sparse(sparse)),
            VectorPersisted::MultiDense(rows) => {
                let dim = rows.first().map(Vec::len).unwrap_or_default();
                let flat = rows.into_iter().flatten().collect();
                Ok(VectorInternal::MultiDense(
                    TypedMultiDenseVector::try_from_flatten(flat, dim)?,
                ))
            }
        };
    }
    let id: PointId = serde::Deserialize::deserialize(value)
        .map_err(|error| Error::usage(format!("{value} is not a point id: {error}")))?;
    let found = shard.edge().retrieve(RetrieveRequest {
        point_ids: vec![id],
        with_payload: Some(WithPayloadInterface::Bool(false)),
        with_vector: Some(WithVector::Selector(vec![using.to_string()])),
    })?;
    let vector = match found.into_iter().next().and_then(|record| record.vector) {
        Some(VectorStructInternal::Single(values)) if using.is_empty() => {
            Some(VectorInternal::Dense(values))
        }
        Some(VectorStructInternal::MultiDense(rows)) if using.is_empty() => {
            Some(VectorInternal::MultiDense(rows))
        }
        Some(VectorStructInternal::Named(mut map)) => map.remove(using),
        _ => None,
    };
    excluded.push(id);
    vector.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("No point with id {id} found that has the vector '{using}'"),
        )
    })
}

fn write_scored(point: &ScoredPoint, out: &mut Vec<u8>) -> Result<()> {
    let bad = |error: serde_json::Error| Error::internal(format!("a point as JSON: {error}"));
    let member = |key: &str, value: &Value, out: &mut Vec<u8>| -> Result<()> {
        out.extend_from_slice(if out.last() == Some(&b'{') {
            b"\""
        } else {
            b",\""
        });
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        serde_json::to_writer(&mut *out, value).map_err(bad)
    };
    out.push(b'{');
    member("id", &serde_json::to_value(point.id).map_err(bad)?, out)?;
    member("version", &Value::from(point.version), out)?;
    member("score", &float(point.score), out)?;
    if let Some(payload) = &point.payload {
        out.extend_from_slice(b",\"payload\":");
        canonical::write_object(&payload.0, out);
    }
    if let Some(vector) = &point.vector {
        member("vector", &vector_json(vector), out)?;
    }
    if let Some(order) = &point.order_value {
        member(
            "order_value",
            &serde_json::to_value(order).map_err(bad)?,
            out,
        )?;
    }
    out.push(b'}');
    Ok(())
}

fn vector_json(vector: &VectorStructInternal) -> Value {
    match vector {
        VectorStructInternal::Single(values) => floats(values),
        VectorStructInternal::MultiDense(rows) => multi(rows),
        VectorStructInternal::Named(map) => {
            let mut named: Map<String, Value> = map
                .iter()
                .map(|(name, vector)| {
                    let value = match vector {
                        VectorInternal::Dense(values) => floats(values),
                        VectorInternal::MultiDense(rows) => multi(rows),
                        VectorInternal::Sparse(SparseVector { indices, values }) => {
                            json!({"indices": indices, "values": floats(values)})
                        }
                    };
                    (name.clone(), value)
                })
                .collect();
            named.sort_keys();
            Value::Object(named)
        }
    }
}

fn multi(rows: &TypedMultiDenseVector<f32>) -> Value {
    Value::Array(
        rows.flattened_vectors
            .chunks(rows.dim.max(1))
            .map(floats)
            .collect(),
    )
}

fn floats(values: &[f32]) -> Value {
    Value::Array(values.iter().map(|value| float(*value)).collect())
}

/// A float32 in its own shortest form (0.1 and not 0.10000000149011612); null when it is not finite, as the server
/// answers.
fn float(value: f32) -> Value {
    value
        .to_string()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .map_or(Value::Null, Value::from)
}
