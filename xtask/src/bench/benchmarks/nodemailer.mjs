//! Sends mails with nodemailer's connection pool and prints the elapsed seconds.
import { connect } from 'node:net';
import { createTransport } from 'nodemailer';

const [port, connections, mails, bytes, isNoDelay] = process.argv.slice(1).map(Number);

/** Opens the socket of a connection with TCP_NODELAY, which nodemailer leaves unset. */
function openWithoutDelay({ host, port }, callback) {
  const connection = connect({ host, port, noDelay: true });
  connection.once('error', callback);
  connection.once('connect', () => {
    connection.off('error', callback);
    callback(null, { connection });
  });
}

const transport = createTransport({
  host: '127.0.0.1',
  port,
  ignoreTLS: true,
  pool: true,
  maxConnections: connections,
  maxMessages: Infinity,
  ...(isNoDelay ? { getSocket: openWithoutDelay } : {}),
});
const line = 'The quick brown fox jumps over the lazy dog, and then over the next one.\n';
const text = line.repeat(bytes / (line.length + 1));

let sent = 0;
async function application() {
  while (sent < mails) {
    const number = sent++;
    await transport.sendMail({
      from: 'alerts@example.org',
      to: `n${number}@example.net`,
      subject: `Number ${number}`,
      text,
    });
  }
}

const start = performance.now();
await Promise.all(Array.from({ length: connections * 2 }, application));
console.log((performance.now() - start) / 1000);
transport.close();
