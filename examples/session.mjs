// A whole session, with Node 22 or later and nothing else: node examples/session.mjs TOKEN [ws://127.0.0.1:8002/ws]
const [token, url = "ws://127.0.0.1:8002/ws"] = process.argv.slice(2);
const socket = new WebSocket(url), waiting = new Map();
const call = (method, params = {}) => new Promise((resolve, reject) => {
  const id = method; // one call of a method at a time is enough here
  waiting.set(id, ({ result, error }) => error ? reject(`${error.message}: ${error.data.reason}`) : resolve(result));
  socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
});
socket.onmessage = ({ data }) => { const answer = JSON.parse(data); waiting.get(answer.id)?.(answer); };
socket.onerror = () => { console.error(`${url}: the connection failed`); process.exit(1); };
await new Promise(opened => { socket.onopen = opened; });
try {
  await call("authenticate", { auth_token: token });
  const { cameras } = await call("get_camera_list");
  const { device, streams } = cameras.find(camera => camera.status === "CONNECTED");
  console.log(`watch      ${streams.rtsp}`);
  console.log(`snapshot   ${(await call("take_snapshot", { device })).filename}`);
  console.log(`recording  ${(await call("start_recording", { device })).filename}`);
  await new Promise(done => setTimeout(done, 5000));
  const { files, duration } = await call("stop_recording", { device });
  console.log(`stopped    ${duration} s in ${files}`);
  for (const { filename, status } of (await call("list_recordings", { device })).files) console.log(`listed     ${filename} ${status}`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
socket.close();
