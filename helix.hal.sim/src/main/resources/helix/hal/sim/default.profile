# The embedded machine as it is without --profile.
#
# A line is a keyword and its value; a line that begins with # is a comment.
#
#   memory SIZE                     what devices reach, up to 2816M
#   ports COUNT                     root ports with hot-plug slots, 0 to 8; machine:plug takes the first free one
#   seed NUMBER                     what all chances begin with
#   disk KIND [OPTION=VALUE ...]    the kind made for each --disk without `virtio:`, and its options; `disk none`
#                                   leaves them out
#   device KIND ID [OPTION=VALUE ...]   a device on the root bus
#   slot KIND ID [OPTION=VALUE ...]     a device in a slot
#
# KIND is one of those that machine:plug lists, with the same options.

memory 256M
ports 4
disk nvme
device virtio-net vnet0 mac=52:54:00:48:58:00
