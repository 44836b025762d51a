//! A relay that offers every authentication type, accepts everything and records each line.

import { type TcpRelay, tcpRelay } from './tcp-relay.ts';

export interface RecordingRelay extends TcpRelay {
  /** Every line received, of all connections. */
  readonly lines: string[];
}

export async function recordingRelay(): Promise<RecordingRelay> {
  const lines: string[] = [];
  const relay = await tcpRelay((socket) => {
    socket.write('220 welcome\r\n');
    let rest = '';
    let inMail = false;
    socket.on('data', (chunk) => {
      const [...complete] = (rest + chunk.toString('latin1')).split('\r\n');
      rest = complete.pop() ?? '';
      for (const line of complete) {
        lines.push(line);
        if (inMail) {
          inMail = line !== '.';
          socket.write(inMail ? '' : '250 taken\r\n');
        } else {
          inMail = /^DATA/i.test(line);
          socket.write(reply(line));
        }
      }
    });
  });
  return Object.assign(relay, { lines });
}

function reply(line: string): string {
  const [verb = ''] = line.toUpperCase().split(' ');
  switch (verb) {
    case 'EHLO':
      return '250-welcome\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250 8BITMIME\r\n';
    case 'AUTH':
      return line.split(' ').length > 2 ? '235 in you come\r\n' : '334 PDFAMj4=\r\n';
    case 'DATA':
      return '354 go on\r\n';
    case 'QUIT':
      return '221 bye\r\n';
    case 'MAIL':
    case 'RCPT':
    case 'RSET':
      return '250 fine\r\n';
    default:
      return '235 in you come\r\n';
  }
}
