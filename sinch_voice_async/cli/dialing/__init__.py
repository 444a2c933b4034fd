"""What ``sinch-voice dial`` does: options -> a campaign, a run that is watched, and a report."""
