// What ONNX Runtime says of images that are decoded and no more, with the
// export whose graph resizes them. of has ort, the library, providers, decode,
// which gives the RGB levels of an image file, its width and its height, and
// read, write, client, name and version as answers has them.
export async function pixels(of) {
  const text = async path => new TextDecoder().decode(await of.read(path));
  const samples = JSON.parse(await text('samples.json'));
  const names = JSON.parse(await text('images-pixels/config.json')).id2label;
  const model = await of.ort.InferenceSession.create(await of.read('images-pixels/model.onnx'), { executionProviders: of.providers });
  let rows = '';
  for (const path of samples.others) {
    const { levels, width, height } = await of.decode(path);
    const { probabilities } = await model.run({ pixels: new of.ort.Tensor('uint8', levels, [1, height, width, 3]) });
    rows += JSON.stringify(Object.fromEntries([...probabilities.data].map((p, i) => [names[i], p]))) + '\n';
  }
  await of.write(`pixels@${of.client}.jsonl`, rows);
  await of.write(`@${of.client}.json`, JSON.stringify({ client: of.name, version: of.version }));
}
