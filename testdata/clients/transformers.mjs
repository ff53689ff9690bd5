// The pipelines of transformers.js in Node.
import { readFileSync, writeFileSync } from 'node:fs';
import { env, pipeline } from '@huggingface/transformers';

env.localModelPath = './';
env.allowRemoteModels = false;
const [header, ...lines] = readFileSync('test.csv', 'utf8').trim().split(/\r?\n/).map(line => line.match(/("[^"]*"|[^,]+)/g).map(cell => cell.replaceAll('"', '')));
const column = name => lines.map(line => line[header.indexOf(name)]);
for (const layout of ['hub', 'flat']) {
  const options = layout == 'flat' ? { subfolder: '' } : {};
  for (const [name, task, samples] of [['names', 'text-classification', column('name')], ['images', 'image-classification', column('image')]]) {
    const classify = await pipeline(task, `${name}-${layout}`, options);
    const rows = [];
    for (const sample of samples) {
      const answers = await classify(sample, { top_k: 1000 });
      rows.push(JSON.stringify(Object.fromEntries(answers.map(a => [a.label, a.score]))));
    }
    writeFileSync(`${name}.transformers.js-${layout}.jsonl`, rows.join('\n') + '\n');
  }
}
