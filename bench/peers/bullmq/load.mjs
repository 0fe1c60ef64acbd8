// Puts a job for each user of a file into BullMQ's queue, a thousand at a time.
//
//   node load.mjs SOCKET FILE

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Queue } from 'bullmq';

const [path, file] = process.argv.slice(2);
const queue = new Queue('bench', { connection: { path } });
const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });

let header = true;
let jobs = [];
for await (const line of lines) {
  if (header) {
    header = false;
    continue;
  }
  // No name has a comma or a quote in it here.
  jobs.push({ name: 'forgot_password', data: { username: line.split(',', 1)[0] } });
  if (jobs.length === 1000) {
    await queue.addBulk(jobs);
    jobs = [];
  }
}
await queue.addBulk(jobs);
await queue.close();
