#!/usr/bin/env node
// A small NCP client, written by hand: "a user's own client in another language".
//
// This is test data. On purpose it shares nothing with the project's own encoder,
// so that a mistake made there is not made here as well. Standard library only.
//
// Exit codes: 0 fine, 2 usage, 3 refused by the server, 4 no answer.
'use strict';
const dgram = require('node:dgram');
const net = require('node:net');
const { once } = require('node:events');
const { parseArgs } = require('node:util');

const USAGE = `usage: node ncp.js [options] HOST PORT      (or FAKENW_HOST, FAKENW_PORT, FAKENW_TRANSPORT)
  --transport tcp|udp   default: FAKENW_TRANSPORT, else tcp
  --user NAME           default: GUEST        --password PW   default: none
  --open PATH           open a file for reading, such as SYS:LOGIN/LOGIN.EXE
  --hold SECONDS        hold the connection this long; default: 0
  --unlicense           then close the file and give the license back (23/29, state 0)
  --no-logout           then exit: no close, no logout, no destroy
  --stay                then close the file and stay, logged in and idle, until killed
`;
const TRIES = 5; // UDP: five tries of three seconds; TCP waits as long, but asks once
const WAIT = 3000;

function stop(code, text) {
  process.stderr.write(text);
  process.exit(code);
}
const noAnswer = (what) => stop(4, `no answer while ${what}\n`);

function options() {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: {
      transport: { ...text, default: process.env.FAKENW_TRANSPORT ?? 'tcp' }, user: { ...text, default: 'GUEST' },
      password: { ...text, default: '' }, open: text, hold: { ...text, default: '0' },
      unlicense: flag, 'no-logout': flag, stay: flag } });
    const [host = process.env.FAKENW_HOST, port = process.env.FAKENW_PORT, ...more] = positionals;
    const udp = values.transport.toLowerCase() === 'udp';
    if (!host || !(port > 0) || more.length || !(values.hold >= 0)) throw new Error('HOST, PORT or --hold');
    if (!udp && values.transport.toLowerCase() !== 'tcp') throw new Error('--transport');
    return { ...values, host, port: Number(port), udp };
  } catch {
    return stop(2, USAGE);
  }
}

const option = options();
const arrived = []; // packets not looked at yet
let wake = () => {};
let send;
let closed = false;
let connection = 0xffff; // "none yet"
let sequence = 0;

function receive(packet) {
  if (option.udp && packet.length >= 10 && packet.readUInt16BE(0) === 0x3e3e) {
    // The server's watchdog: the same ten bytes back, with Y in place of the question mark.
    const mine = packet[3] + 256 * packet[5] === connection && packet[9] === 0x3f;
    if (mine) send(Buffer.concat([packet.subarray(0, 9), Buffer.from('Y')]));
    return;
  }
  arrived.push(packet);
  wake();
}

async function open() {
  if (option.udp) {
    const socket = dgram.createSocket('udp4').on('message', receive).on('error', () => {});
    socket.connect(option.port, option.host);
    await once(socket, 'connect').catch((error) => noAnswer(`connecting: ${error.message}`));
    send = (packet) => socket.send(packet, () => {});
    return;
  }
  const socket = net.connect(option.port, option.host);
  await once(socket, 'connect').catch((error) => noAnswer(`connecting: ${error.message}`));
  let stream = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('close', () => { closed = true; wake(); });
  socket.on('data', (bytes) => {
    stream = Buffer.concat([stream, bytes]);
    while (stream.length >= 8) {
      const size = stream.readUInt32BE(4) & 0x0fffffff;
      if (stream.toString('latin1', 0, 4) !== 'tNcP' || size < 16) noAnswer('reading: bytes that are no NCP reply');
      if (stream.length < size) return;
      receive(stream.subarray(8, size));
      stream = stream.subarray(size);
    }
  });
  send = (packet) => {
    const header = Buffer.from('DmdT\0\0\0\0\0\0\0\x01\0\x01\0\0', 'latin1');
    header.writeUInt32BE(16 + packet.length, 4);
    socket.write(Buffer.concat([header, packet]));
  };
}

// Waits until `end` (milliseconds), a packet, or the end of the socket; says whether it is worth going on.
function waiting(end, what) {
  if (closed) noAnswer(`${what}: the server closed the socket`);
  const left = end - Date.now();
  if (left <= 0) return Promise.resolve(false);
  if (arrived.length) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(left, 1e9), true);
    wake = () => { clearTimeout(timer); resolve(true); };
  });
}

async function idle(seconds) {
  const end = Date.now() + 1000 * seconds;
  while (await waiting(end, 'idle')) arrived.length = 0;
}

function packet(type, body) {
  const number = [sequence, connection & 0xff, 1, connection >> 8];
  return Buffer.concat([Buffer.from([type >> 8, type & 0xff, ...number]), body]);
}

// One request; its reply's data. `fine`: completion codes that are no refusal.
async function exchange(what, type, body = Buffer.alloc(1), fine = []) {
  sequence = type === 0x1111 ? 0 : (sequence + 1) & 0xff;
  const bytes = packet(type, body);
  const patience = option.udp ? WAIT : TRIES * WAIT;
  for (let attempt = 0; attempt < (option.udp ? TRIES : 1); attempt += 1) {
    send(bytes);
    let end = Date.now() + patience;
    while (await waiting(end, what)) {
      const reply = arrived.shift();
      if (!reply || reply.length < 8 || reply[2] !== sequence) continue;
      const number = reply[3] + 256 * reply[5];
      if (type !== 0x1111 && number !== connection) continue;
      if (reply.readUInt16BE(0) === 0x9999) end = Date.now() + patience; // "being processed": wait on
      if (reply.readUInt16BE(0) !== 0x3333) continue;
      const [code, status] = [reply[6], reply[7]];
      if ((code && !fine.includes(code)) || status & 0x11) await refused(code, what, status);
      if (type === 0x1111) connection = number;
      return reply.subarray(8);
    }
  }
  return noAnswer(what);
}

async function refused(code, what, status) {
  const hex = (byte) => `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  process.stderr.write(`refused ${hex(code)} while ${what}${status ? ` (status ${hex(status)})` : ''}\n`);
  if (connection !== 0xffff && !option['no-logout'] && !option.stay) {
    sequence = (sequence + 1) & 0xff; // a polite client does not leave its half-made connection behind
    send(packet(0x5555, Buffer.alloc(1)));
    await new Promise((resolve) => setTimeout(resolve, 50)); // let it leave
  }
  process.exit(3);
}

const text = (value) => Buffer.from([value.length, ...Buffer.from(value, 'latin1')]);
const ask = (what, code, data = [], fine = []) => exchange(what, 0x2222, Buffer.from([code, ...data]), fine);
const ask17 = (what, sub, data = [], fine = []) => {
  const size = 1 + data.length;
  return ask(what, 23, [size >> 8, size & 0xff, sub, ...data], fine);
};

async function main() {
  await open();
  await exchange('attaching', 0x1111);
  await ask('negotiating the buffer size', 0x21, [0x04, 0x00]);
  const about = await ask17('asking for server information', 17);
  console.log(`server ${about.toString('latin1', 0, 48).replace(/\0.*$/s, '')}`);
  const [user, password] = [option.user.toUpperCase(), option.password.toUpperCase()];
  // 0xDF: the password has expired, but this login succeeded.
  await ask17(`logging in as ${user}`, 20, [0, 1, ...text(user), ...text(password)], [0xdf]);
  let file = option.open === undefined ? null
    : (await ask('opening a file', 0x4c, [0, 0x06, 0x01, ...text(option.open)])).subarray(0, 6);
  const closeFile = async () => {
    if (file) await ask('closing the file', 0x42, [0, ...file]);
    file = null;
  };
  console.log(`holding connection ${connection}`);
  await idle(Number(option.hold));
  if (option.unlicense) {
    await closeFile();
    await ask17('giving the license back', 29, [0], [0x7a]); // 0x7A: it was given back already
  }
  if (option.stay) {
    await closeFile();
    console.log(`staying on connection ${connection}`);
    await idle(Infinity);
  }
  if (option['no-logout']) process.exit(0);
  await closeFile();
  await ask('logging out', 0x19);
  await exchange('destroying the connection', 0x5555);
  process.exit(0);
}

main();
