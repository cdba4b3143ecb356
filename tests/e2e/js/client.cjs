// What a person does with the official JavaScript client, step by step; prints what each step gave
// as one JSON object. Usage: client.cjs URL COLLECTION DOCUMENTS.json
const { readFileSync } = require("node:fs");
const { QdrantClient } = require("@qdrant/js-client-rest");

const [url, name, file] = process.argv.slice(2);
const documents = JSON.parse(readFileSync(file, "utf8"));
const client = new QdrantClient({ url, checkCompatibility: false });
const alias = `${name}-alias`;

async function scrolled(options) {
  const found = [];
  let offset;
  do {
    const page = await client.scroll(name, { limit: 30, offset, ...options });
    found.push(...page.points);
    offset = page.next_page_offset ?? undefined;
  } while (offset !== undefined);
  return found;
}

async function refusal(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { status: error.status, said: error.data?.status?.error };
  }
}

async function steps() {
  const gave = {};
  gave.existed = (await client.collectionExists(name)).exists;
  gave.created = await client.createCollection(name, {
    vectors: { size: documents[0].vector.length, distance: "Cosine" },
    optimizers_config: { indexing_threshold: 5000 },
  });
  gave.info = await client.getCollection(name);
  gave.listed = (await client.getCollections()).collections.map((found) => found.name);
  for (let first = 0; first < documents.length; first += 40) {
    const points = documents.slice(first, first + 40);
    gave.upserted = await client.upsert(name, { wait: true, points });
  }
  gave.index = await client.createPayloadIndex(name, {
    field_name: "chapter",
    field_schema: "keyword",
    wait: true,
  });
  gave.count = (await client.count(name, { exact: true })).count;
  gave.points = await scrolled({ with_payload: true, with_vector: true });
  gave.nearest = (await client.query(name, { query: documents[7].vector, limit: 5 })).points;
  gave.searched = await client.search(name, { vector: documents[7].vector, limit: 5 });
  const filter = { must: [{ key: "chapter", match: { value: "Indexes" } }] };
  gave.filtered = await scrolled({ filter, with_payload: false });
  gave.filteredCount = (await client.count(name, { filter, exact: true })).count;
  gave.facet = (await client.facet(name, { key: "chapter", exact: true })).hits;
  await client.setPayload(name, { wait: true, payload: { new: [1, 2.5] }, points: [1] });
  gave.retrieved = await client.retrieve(name, { ids: [1, 2], with_payload: ["new"] });
  await client.updateCollectionAliases({
    actions: [{ create_alias: { collection_name: name, alias_name: alias } }],
  });
  gave.aliases = (await client.getCollectionAliases(name)).aliases;
  gave.throughAlias = (await client.count(alias, { exact: true })).count;
  await client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: alias } }] });
  gave.snapshot = await client.createSnapshot(name);
  gave.snapshots = (await client.listSnapshots(name)).map((found) => found.name);
  await client.delete(name, { wait: true, filter });
  gave.left = (await client.count(name, { exact: true })).count;
  await client.recoverSnapshot(name, {
    location: `${url}/collections/${name}/snapshots/${gave.snapshot.name}`,
    priority: "snapshot",
  });
  gave.recovered = (await client.count(name, { exact: true })).count;
  gave.snapshotDeleted = await client.deleteSnapshot(name, gave.snapshot.name);
  gave.twice = await refusal(() =>
    client.createCollection(name, { vectors: { size: 2, distance: "Dot" } }),
  );
  gave.short = await refusal(() =>
    client.upsert(name, { wait: true, points: [{ id: 1, vector: [1, 2] }] }),
  );
  gave.deleted = await client.deleteCollection(name);
  gave.gone = await refusal(() => client.getCollection(name));
  return gave;
}

steps().then(
  (gave) => console.log(JSON.stringify(gave)),
  (error) => {
    console.error(error, JSON.stringify(error.data));
    process.exit(1);
  },
);
