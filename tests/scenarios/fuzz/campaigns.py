"""Campaigns that are run in tests, and somebody who hears of them."""

import asyncio

from scenarios.fuzz.campaign.campaign import Silence, Summary, run_campaign
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.findings import Finding


class Ear(Silence):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.told: list[Finding] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def found(self, finding: Finding) -> None:
        self.told.append(finding)


def run(given: CampaignSettings, ear: Ear | None = None) -> Summary:
    return asyncio.run(run_campaign(given, ear))
