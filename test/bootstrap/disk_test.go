package bootstrap

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disks is where the volumes' files lie, by volume id.
const disks = work + "/disks"

// plugDisk makes the volume appear in the machine, as the kernel shows it on EC2.
func (m *machine) plugDisk(volume string) {
	loop, err := exec.Command("losetup", "--find", "--show", diskOf(volume)).Output()
	if err != nil {
		m.t.Errorf("plug %s: %v", volume, err)
		return
	}
	device := strings.TrimSpace(string(loop))
	m.t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	var minor int
	if _, err := fmt.Sscanf(device, "/dev/loop%d", &minor); err != nil {
		m.t.Errorf("plug %s: %v", volume, err)
		return
	}
	links := filepath.Join(m.devices, "disk/by-id")
	link := filepath.Join(links, "nvme-Amazon_Elastic_Block_Store_"+strings.Replace(volume, "-", "", 1))
	_ = os.Remove(link)
	err = os.MkdirAll(links, 0o755)
	if err == nil {
		err = os.Symlink("../../nvme"+fmt.Sprint(minor)+"n1", link)
	}
	if err == nil {
		err = syscall.Mknod(filepath.Join(m.devices, fmt.Sprintf("nvme%dn1", minor)), syscall.S_IFBLK|0o600, 7<<8|minor)
	}
	if err != nil {
		m.t.Errorf("plug %s: %v", volume, err)
	}
}

// plugAddress makes the node's address appear.
func (m *machine) plugAddress() {
	// It may be there from an earlier machine.
	_ = exec.Command("ip", "address", "add", m.cloud.addresses[m.node]+"/32", "dev", "lo").Run()
}

func diskOf(volume string) string { return filepath.Join(disks, volume) }

// blank makes the volume a new one: 512 MB of nothing.
func blank(t *testing.T, volume string) {
	t.Helper()
	if err := os.MkdirAll(disks, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(diskOf(volume))
	file, err := os.Create(diskOf(volume))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(512 << 20); err != nil {
		t.Fatal(err)
	}
}

// reinsert takes the node's disk out, has its file changed, and puts it back.
func (m *machine) reinsert(change func(file string)) {
	m.t.Helper()
	volume := m.cloud.outputs.Nodes[m.node].VolumeID
	if out, err := m.in("sh", "-c", "! mountpoint -q /var/lib/kafka || umount /var/lib/kafka").CombinedOutput(); err != nil {
		m.t.Fatalf("take the disk out: %v: %s", err, out)
	}
	change(diskOf(volume))
	m.plugDisk(volume)
}

func mountTemp(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=755"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
