// What transformers.js says of all samples, in Node and in a browser alike.
// of has the library, read, which gives a file's bytes, write, which takes a
// file's name and text, and client, its name in names of files.
export async function answers(of) {
  const { env, pipeline, Tensor } = of.library;
  env.localModelPath = './';
  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  const text = async path => new TextDecoder().decode(await of.read(path));
  const samples = JSON.parse(await text('samples.json'));
  const write = (set, rows) => of.write(`${set}@${of.client}.jsonl`, rows.map(row => JSON.stringify(row) + '\n').join(''));
  const all = async (classify, samples) => {
    const rows = [];
    for (const sample of samples) rows.push(Object.fromEntries((await classify(sample, { top_k: 1000 })).map(a => [a.label, a.score])));
    return rows;
  };
  // The softmax of logits, of tensors that are fed to a model alone.
  const shares = async (model, rows) => {
    const answers = [];
    for (const fed of rows) {
      const { logits } = await model(fed);
      const z = Array.from(logits.data), most = Math.max(...z), e = z.map(v => Math.exp(v - most)), sum = e.reduce((a, b) => a + b);
      answers.push(Object.fromEntries(e.map((v, i) => [model.config.id2label[i], v / sum])));
    }
    return answers;
  };
  const whole = row => new Tensor('int64', BigInt64Array.from(row, BigInt), [1, row.length]);

  for (const [suffix, layout, options] of [['', 'hub', {}], ['-flat', 'flat', { subfolder: '' }]]) {
    let classify = await pipeline('text-classification', `names-${layout}`, options);
    await write('names' + suffix, await all(classify, samples.names));
    if (!suffix) {
      const rows = (await text('ids.jsonl')).trim().split('\n').map(line => JSON.parse(line));
      await write('ids', await shares(classify.model, rows.map(r => ({ input_ids: whole(r.ids), attention_mask: whole(r.attention_mask), token_type_ids: whole(r.type_ids) }))));
    }
    classify = await pipeline('image-classification', `images-${layout}`, options);
    await write('images' + suffix, await all(classify, samples.images));
    if (!suffix) {
      await write('others', await all(classify, samples.others));
      const bytes = await of.read('tensors.f32');
      const size = bytes.byteLength / samples.tensors.length / 4, side = Math.sqrt(size / 3);
      const tensors = samples.tensors.map((_, i) => ({ pixel_values: new Tensor('float32', new Float32Array(bytes.buffer.slice(bytes.byteOffset + 4 * size * i, bytes.byteOffset + 4 * size * (i + 1))), [1, 3, side, side]) }));
      await write('tensors', await shares(classify.model, tensors));
    }
  }
  await of.write(`@${of.client}.json`, JSON.stringify({ client: of.name, version: env.version + of.with }));
}
