// Is a worker of BullMQ under its own limit of calls a second.
//
//   node limited.mjs SOCKET TWIN RATE CONCURRENCY

import { Worker } from 'bullmq';

const [path, twin, rate, concurrency] = process.argv.slice(2);

async function forgot(job) {
  const answer = await fetch(`http://${twin}/`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'AWSCognitoIdentityProviderService.ForgotPassword',
    },
    body: JSON.stringify({ ClientId: 'rekeytwin', Username: job.data.username }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
}

const worker = new Worker('bench', forgot, {
  connection: { path },
  concurrency: Number(concurrency),
  limiter: { max: Number(rate), duration: 1000 },
});
worker.on('error', (err) => console.error(err));
