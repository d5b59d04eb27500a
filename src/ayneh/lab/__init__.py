"""The lab of docs/lab: answers of students, compared with the game in float64, and a game that is played with them."""

from ayneh.lab.discriminator import check_discriminator as check_discriminator
from ayneh.lab.losses import check_losses as check_losses
from ayneh.lab.noise import check_measures as check_measures
from ayneh.lab.noise import check_mended as check_mended
from ayneh.lab.noise import noise as noise
from ayneh.lab.play import play as play
from ayneh.lab.words import language as language
