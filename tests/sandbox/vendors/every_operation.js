// Every operation of the vendor's Node library, unchanged but for the host; the answers are printed as JSON, in order.
const { VoiceService } = require('@sinch/voice');

const [url, applicationKey, applicationSecret] = process.argv.slice(2);
const hosts = { voiceHostname: url, voiceApplicationManagementHostname: url };
const voice = new VoiceService({ applicationKey, applicationSecret, ...hosts });

const destination = { type: 'number', endpoint: '+46700000001' };
const cli = '+46700000000';
const conferenceId = 'my room+1';
const say = { instructions: [{ name: 'say', text: 'Hi' }], action: { name: 'continue' } };
const answers = [];

async function told(name, answer) {
  answers.push([name, await answer]);
  return answer;
}

async function callouts() {
  const ttsCallout = { destination, cli, dtmf: '1w2#', domain: 'pstn', custom: 'x', locale: 'en-US', text: 'Hallå 😀' };
  const method = 'ttsCallout';
  await told('tts', voice.callouts.tts({ ttsCalloutRequestBody: { method, ttsCallout } }));
  const conferenceCallout = { destination, cli, conferenceId, greeting: 'Hi', mohClass: 'ring' };
  const body = { method: 'conferenceCallout', conferenceCallout };
  await told('conference', voice.callouts.conference({ conferenceCalloutRequestBody: body }));
  const ace = JSON.stringify({ action: { name: 'connectConf', conferenceId } });
  const customCallout = { destination, cli, custom: 'x', maxDuration: 60, ace };
  await told('custom', voice.callouts.custom({ customCalloutRequestBody: { method: 'customCallout', customCallout } }));
}

async function calls(callId) {
  await told('get', voice.calls.get({ callId }));
  await told('update', voice.calls.update({ callId, updateCallRequestBody: say }));
  for (const callLeg of ['caller', 'callee', 'both']) {
    await told(callLeg, voice.calls.manageWithCallLeg({ callId, callLeg, manageWithCallLegRequestBody: say }));
  }
  await told('hangup', voice.calls.update({ callId, updateCallRequestBody: { action: { name: 'hangup' } } }));
  await told('final', voice.calls.get({ callId }));
  await told('nope', voice.calls.get({ callId: 'nope' }).catch((error) => error.statusCode));
}

async function conferences(callId) {
  const body = { method: 'conferenceCallout', conferenceCallout: { destination, cli, conferenceId } };
  await told('call', voice.conferences.call({ conferenceCalloutRequestBody: body }));
  for (const command of ['mute', 'unmute', 'mute', 'onhold', 'resume', 'onhold']) {
    const manageParticipantRequestBody = { command, moh: 'music1' };
    await told(command, voice.conferences.manageParticipant({ conferenceId, callId, manageParticipantRequestBody }));
  }
  await told('participants', voice.conferences.get({ conferenceId }));
  await told('kick', voice.conferences.kickParticipant({ conferenceId, callId }));
  await told('left', voice.conferences.get({ conferenceId }));
  await told('kickAll', voice.conferences.kickAll({ conferenceId }));
}

async function applications() {
  const { applications: own } = voice;
  const key = { applicationkey: applicationKey, capability: 'voice' };
  const assignNumbersRequestBody = { numbers: ['+14151112223333', '+14151112223334'], ...key };
  await told('assign', own.assignNumbers({ assignNumbersRequestBody }));
  const unassignNumbersRequestBody = { number: '+14151112223334', ...key };
  await told('unassign', own.unassignNumber({ unassignNumbersRequestBody }));
  await told('numbers', own.listNumbers());
  const updateCallbacksRequestBody = { url: { primary: 'https://one.example', fallback: 'https://two.example' } };
  await told('set', own.updateCallbackURLs({ applicationkey: applicationKey, updateCallbacksRequestBody }));
  await told('urls', own.getCallbackURLs({ applicationkey: applicationKey }));
  for (const number of ['+46(0)73-017-0101', '+46 73 017 0101']) {
    await told('query', own.queryNumber({ number }));
  }
}

async function main() {
  await callouts();
  await calls(answers[0][1].callId);
  await conferences(answers[1][1].callId);
  await applications();
  console.log(JSON.stringify(answers));
}

main();
