// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { encodeFrame, encodeSpawn, FRAME, FrameReader } from "./frame.ts";

test("frames come out whole however the bytes are cut", (t) => {
  const bytes = Buffer.concat([
    encodeFrame(1, FRAME.stdout, Buffer.from("one")),
    encodeFrame(0xffffffff, FRAME.exit),
    encodeFrame(3, FRAME.stderr, Buffer.alloc(100_000, 7)),
  ]);
  for (const size of [1, 5, 12, 13, 4096, bytes.length]) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)));
    t.deepEqual(
      frames.map((f) => [f.id, f.type, f.payload.length]),
      [
        [1, FRAME.stdout, 3],
        [0xffffffff, FRAME.exit, 0],
        [3, FRAME.stderr, 100_000],
      ],
      `cut every ${size} bytes`,
    );
  }
});

test("a request to start a program has the layout that the agent reads", (t) => {
  const request = encodeSpawn({ machine: "vm-001", argv: ["cat", "-"], env: { A: "b" }, input: "in", keepStdin: true });
  t.is(request.subarray(0, 10).toString("hex"), "01000200010000000000");
  t.is(request.subarray(10).toString(), "vm-001\0\0cat\0-\0A=b\0in");
});

test("a frame in very many pieces takes time in proportion to its size", (t) => {
  const frame = encodeFrame(1, FRAME.stdout, Buffer.alloc(8 << 20, 7));
  const reader = new FrameReader();
  const pieces = Array.from({ length: Math.ceil(frame.length / 256) }, (_, i) =>
    frame.subarray(i * 256, (i + 1) * 256),
  );
  const began = process.cpuUsage();
  const lengths = pieces.flatMap((piece) => [...reader.push(piece)].map(({ payload }) => payload.length));
  t.deepEqual(lengths, [8 << 20]);
  // Joined again with each piece it would copy 128 GiB.
  const { user, system } = process.cpuUsage(began);
  t.true(user + system < 5_000_000, `${user + system} us`);
});

test("a header that claims more than any peer sends is refused before a byte of it is kept", (t) => {
  const head = encodeFrame(1, FRAME.stdout);
  head.writeUInt32LE((64 << 20) + 1, 0);
  t.throws(() => [...new FrameReader().push(head)], { message: /Invalid frame: 67108865 bytes/ });
});
