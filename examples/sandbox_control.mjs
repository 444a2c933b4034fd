// The sandbox's control API from JavaScript: script a phone, place a call, let time pass, and read what was heard.
//
//     python -m sinch_voice_async.sandbox --port 8070 --speed 0
//     node examples/sandbox_control.mjs http://127.0.0.1:8070
//
// The whole API is described at http://127.0.0.1:8070/_sandbox/api/openapi.json.

const base = `${process.argv[2] ?? "http://127.0.0.1:8070"}/_sandbox/api`;

async function control(method, path, body) {
  const json = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(base + path, { method, ...json });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(`${answer.errorCode} ${answer.message}`);
  return answer;
}

await control("PUT", "/phones/+46700000001", { answersAfter: 2, hangsUpAfter: 10 });
const { callId } = await control("POST", "/calls/callout", {
  method: "ttsCallout",
  ttsCallout: { destination: { type: "number", endpoint: "+46700000001" }, text: "Hello from JavaScript." },
});
await control("POST", "/clock/step", { seconds: 30 });
const call = await control("GET", `/calls/${callId}`);
console.log(call.result, call.reason, call.ringSeconds, call.transcript.map((heard) => heard.text));
