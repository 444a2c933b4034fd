// What the vendor's Node library says of callbacks: each as it came, parsed and written again, and with a changed body.
const { readFileSync } = require('node:fs');
const { VoiceCallbackWebhooks } = require('@sinch/voice');

const [applicationKey, applicationSecret] = process.argv.slice(2);
const webhooks = new VoiceCallbackWebhooks({ applicationKey, applicationSecret });

const told = JSON.parse(readFileSync(0, 'utf8')).map(({ headers, body, path }) => {
  const isGenuine = (each) => webhooks.validateAuthenticationHeader(headers, each, path, 'POST');
  const { event } = webhooks.parseEvent(body);
  return [event, isGenuine(body), isGenuine(JSON.stringify(JSON.parse(body))), isGenuine(body.replace('"version":1', '"version":2'))];
});
console.log(JSON.stringify(told));
